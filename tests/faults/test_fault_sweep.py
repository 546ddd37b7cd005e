"""The fixture `fault_sweep`, in a pytest of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orm_async_tests import db

SUITE = Path(__file__).parent / "suites/orders.py"
RUNNERS = {"asyncio": "pytest_asyncio.plugin", "anyio": "anyio.pytest_plugin"}
PLUGIN = "orm_async_tests.faults.pytest_plugin"
TEST = "orders.py::test_an_order_is_placed_whole_or_not_at_all"
POINT = re.compile(r"orders\.py:(\d+) place_order .*\n +pytest (\S+) --fault-point (\S+)")
Run = Callable[..., pytest.RunResult]


@pytest.fixture(params=RUNNERS)
def run(request: pytest.FixtureRequest, tmp_path: Path, empty_database: db.Database) -> Run:
    """Run the suite under a pytest plugin for async tests, with these variables."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "orders.py").write_bytes(SUITE.read_bytes())
    url = empty_database.url.render_as_string(hide_password=False)
    kept = {name: each for name, each in os.environ.items() if not name.startswith("PYTEST_")}
    told = {"URL": url, "RUNNER": request.param, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

    def called(*arguments: str, **variables: str) -> pytest.RunResult:
        plugins = ("-p", PLUGIN, "-p", RUNNERS[request.param])
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *plugins, TEST, *arguments],
            cwd=tmp_path,
            env={**kept, **told, **variables},
            capture_output=True,
            text=True,
        )
        print(done.stdout, done.stderr)
        lines = done.stdout.splitlines(), done.stderr.splitlines()
        return pytest.RunResult(done.returncode, *lines, duration=0)

    return called


def test_a_failing_point_is_named_run_again_and_run_first_until_it_passes(run: Run) -> None:
    first = run()
    first.assert_outcomes(failed=1)
    points = POINT.findall(first.stdout.str())
    assert points
    lines = SUITE.read_text("utf-8").splitlines()
    for line, test, _ in points:  # the line of the user's own file, in the second transaction
        assert "begin()" in lines[int(line) - 1] or "laces" in lines[int(line) - 1]
        assert test == TEST
    first.stdout.no_fnmatch_line("*last time*")

    again = run("--fault-point", points[0][2])
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*1 points: 1 violations*"])

    cured = run("-rA", CURED="1")
    cured.assert_outcomes(passed=1)
    cured.stdout.fnmatch_lines([f"*what failed last time comes first ({len(points)})"])
    assert cured.stdout.str().count("passes now") == len(points)
    run("-rA", CURED="1").stdout.no_fnmatch_line("*last time*")


def test_a_point_that_is_none_is_refused(run: Run) -> None:
    run("--fault-point", "flood/3").stdout.fnmatch_lines(["*CouldNotRun*flood/3*"])
