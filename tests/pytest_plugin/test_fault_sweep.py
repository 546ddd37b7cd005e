"""The fixture `fault_sweep` in a pytest of its own."""

import re
from pathlib import Path

import pytest

from orm_async_tests import db
from tests.pytest_plugin.pytest_runs import SUITES, copy_suites, run_pytest

SUITE = "orders_suite.py"
TEST = f"{SUITE}::test_an_order_is_placed_completely_or_not_at_all"
PLUGIN = ("-p", "orm_async_tests.pytest_plugin.fault_sweep")
POINT = re.compile(r"orders_suite\.py:(\d+) place_order.*\n +pytest (\S+) --fault-point (\S+)")


@pytest.mark.parametrize("runner", ["asyncio", pytest.param("anyio", marks=pytest.mark.thorough)])
def test_a_failing_point_is_shown_run_again_and_run_first_until_it_passes(
    tmp_path: Path, empty_database: db.Database, runner: str
) -> None:
    copy_suites(tmp_path, SUITE)

    def run(*arguments: str, **variables: str) -> pytest.RunResult:
        url = empty_database.url
        return run_pytest(tmp_path, url, *PLUGIN, TEST, *arguments, runner=runner, **variables)

    first = run()
    first.assert_outcomes(failed=1)
    points = POINT.findall(first.stdout.str())
    assert points
    lines = (SUITES / SUITE).read_text("utf-8").splitlines()
    for line, test, _ in points:  # a line of the second transaction
        assert "begin()" in lines[int(line) - 1] or "laces" in lines[int(line) - 1]
        assert test == TEST
    first.stdout.no_fnmatch_line("*last time*")

    point_again = run("--fault-point", points[0][2])
    point_again.assert_outcomes(failed=1)
    point_again.stdout.fnmatch_lines(["*1 points: 1 violations*"])

    cured = run("-rA", CURED="1")
    cured.assert_outcomes(passed=1)
    cured.stdout.fnmatch_lines([f"*points that failed last time run first ({len(points)})"])
    assert cured.stdout.str().count("passes now") == len(points)
    assert not list((tmp_path / ".pytest_cache/d/orm-async-faults/faults").iterdir())
