"""The plugin finds each trap in a user's tests, and nothing in right ones."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orm_async_tests import db

SUITES = Path(__file__).parent / "suites"
ROOT = SUITES.parent.parent.parent
INI = "[pytest]\npython_files = *.py\nasyncio_default_fixture_loop_scope = function\n"
PLUGIN = ("-p", "orm_async_tests.pytest_plugin")
RUNNERS = {"asyncio": "pytest_asyncio.plugin", "anyio": "anyio.pytest_plugin"}
BASELINE = ("--async-orm-baseline", "known.json")
WRITE = (*BASELINE, "--async-orm-baseline-write")
Run = Callable[..., pytest.RunResult]


@pytest.fixture(params=["asyncpg", "psycopg", "aiosqlite"])
def driver(request: pytest.FixtureRequest) -> str:
    """Each driver."""
    return str(request.param)


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> str:
    """The pytest plugin that runs async tests, by its mark."""
    return str(request.param)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path, driver: str) -> str:
    """An empty database."""
    if driver == "aiosqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/test.sqlite"
    database: db.Database = request.getfixturevalue("empty_database")
    return database.url.set(drivername=f"postgresql+{driver}").render_as_string(hide_password=False)


@pytest.fixture
def run(tmp_path: Path, url: str, runner: str) -> Run:
    """Run suites in a pytest of their own, which imports no other plugins: they take seconds.

    The fixture `pytester` would drop what was imported in a test, and asyncpg dies of a second
    import.
    """
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "conftest.py").write_bytes((SUITES / "fixtures.py").read_bytes())
    for name in ("traps.py", "right.py", "missing.py"):
        (tmp_path / name).write_bytes((SUITES / name).read_bytes())
    told = {"URL": url, "RUNNER": runner, "PYTHONPATH": str(ROOT)}
    kept = {name: each for name, each in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**kept, **told, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

    def called(*arguments: str) -> pytest.RunResult:
        command = [sys.executable, "-m", "pytest", *PLUGIN, "-p", RUNNERS[runner], *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        lines = done.stdout.splitlines(), done.stderr.splitlines()
        print(done.stdout, done.stderr)
        return pytest.RunResult(done.returncode, *lines, duration=0)

    return called


def findings(folder: Path) -> dict[str, list[str]]:
    """What was written, by the names of the tests."""
    known = json.loads((folder / "known.json").read_text("utf-8"))
    return {test.partition("::")[2]: kinds for test, kinds in known.items()}


def test_each_trap_is_found_and_what_is_right_is_not(run: Run, tmp_path: Path) -> None:
    run("traps.py", "right.py", *WRITE).assert_outcomes(passed=28)
    found = findings(tmp_path)
    assert len(found) == 14
    for test, kinds in found.items():
        [kind] = kinds
        assert test.startswith(f"test_{kind.replace('-', '_')}")


@pytest.mark.parametrize("runner", ["asyncio"])
def test_missing_greenlet_names_the_attribute_and_the_query(run: Run, tmp_path: Path) -> None:
    lines = (tmp_path / "missing.py").read_text("utf-8").splitlines()
    said = [(number, line.partition("  # ")[2]) for number, line in enumerate(lines, 1)]
    expected = [
        f"*async-orm: {what} (*this {what.partition('.')[0]} came from missing.py:{number} in *"
        for number, what in said
        if " was " in what
    ]
    ran = run("missing.py")
    ran.assert_outcomes(failed=len(expected))
    ran.stdout.fnmatch_lines(expected)  # in this order


@pytest.mark.parametrize(("driver", "runner"), [("aiosqlite", "anyio")])
def test_a_finding_fails_its_test_and_names_the_line(run: Run, tmp_path: Path) -> None:
    lines = (tmp_path / "traps.py").read_text("utf-8").splitlines()
    taken = lines.index("    kept.append(await engine.raw_connection())") + 1
    ran = run("traps.py", "-k", "connection_raw")
    ran.assert_outcomes(passed=1, errors=1)
    ran.stdout.fnmatch_lines([f"*connection: *traps.py:{taken} in test_connection_raw*"])


@pytest.mark.parametrize("driver", ["aiosqlite"])
def test_what_the_baseline_knows_is_not_failed_and_what_is_gone_is_said(
    run: Run, tmp_path: Path
) -> None:
    chosen = ("traps.py", "right.py", "-k", "connection_raw or test_engine or by_hand")
    run(*chosen, *WRITE).assert_outcomes(passed=3)
    again = run(*chosen, *BASELINE)
    again.assert_outcomes(passed=3)
    again.stdout.no_fnmatch_line("*async-orm*")

    known = tmp_path / "known.json"
    kinds = json.loads(known.read_text("utf-8"))
    del kinds["traps.py::test_connection_raw"]
    kinds["right.py::test_close_by_hand"] = ["transaction"]
    kinds["right.py::test_that_does_not_run"] = ["transaction"]
    known.write_text(json.dumps(kinds), "utf-8")
    ran = run(*chosen, *BASELINE, "-p", "xdist.plugin", "-n", "1")
    ran.assert_outcomes(passed=3, errors=1)
    ran.stdout.fnmatch_lines(["ERROR *test_connection_raw*"])
    ran.stdout.fnmatch_lines(["*gone*: right.py::test_close_by_hand transaction"])
    ran.stdout.no_fnmatch_line("*gone*test_that_does_not_run*")


@pytest.mark.parametrize(("driver", "runner"), [("aiosqlite", "asyncio")])
def test_a_baseline_that_is_not_there_is_said(run: Run) -> None:
    ran = run("right.py", *BASELINE)
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*there is no baseline*", "*where: known.json", "*type: *"])


def test_importing_the_plugin_imports_no_server_and_no_harness() -> None:
    code = "import sys, orm_async_tests.pytest_plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith("orm_async_tests.")}
    assert loaded == {"orm_async_tests.errors", "orm_async_tests.pytest_plugin"}
    assert "sqlalchemy" not in done.stdout.split()
