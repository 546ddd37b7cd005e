"""The plugin finds each trap in a user's tests, and nothing in right ones."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orm_async_tests import db

pytest_plugins = ("pytester",)
SUITES = Path(__file__).parent / "suites"
KINDS = ("connection", "transaction", "two_tasks", "engine", "loop")
WRITE = ("--async-orm-baseline", "known.json", "--async-orm-baseline-write")
Run = Callable[..., pytest.RunResult]


@pytest.fixture(params=["asyncpg", "psycopg", "aiosqlite"])
def driver(request: pytest.FixtureRequest) -> str:
    """Each driver."""
    return str(request.param)


@pytest.fixture(params=["asyncio", "anyio"])
def runner(request: pytest.FixtureRequest) -> str:
    """The pytest plugin that runs async tests, by its mark."""
    return str(request.param)


@pytest.fixture
def run(
    pytester: pytest.Pytester,
    empty_database: db.Database,
    monkeypatch: pytest.MonkeyPatch,
    driver: str,
    runner: str,
) -> Run:
    """Run the suites in a pytest of their own."""
    url = empty_database.url.set(drivername=f"postgresql+{driver}")
    shown = url.render_as_string(hide_password=False)
    if driver == "aiosqlite":
        shown = f"sqlite+aiosqlite:///{pytester.path}/test.sqlite"
    monkeypatch.setenv("URL", shown)
    monkeypatch.setenv("RUNNER", runner)
    monkeypatch.setenv("PYTHONPATH", str(SUITES))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    (pytester.path / "pytest.ini").write_text("[pytest]\npython_files = *.py\n")
    for name in os.listdir(SUITES):
        if name.endswith(".py"):
            (pytester.path / name).write_bytes((SUITES / name).read_bytes())

    def called(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess("-p", "orm_async_tests.pytest_plugin", *arguments)

    return called


def findings(pytester: pytest.Pytester) -> dict[str, list[str]]:
    """What was written, by the names of the tests."""
    known = json.loads((pytester.path / "known.json").read_text("utf-8"))
    return {test.partition("::")[2]: kinds for test, kinds in known.items()}


def test_each_trap_is_found_for_what_it_is(run: Run, pytester: pytest.Pytester) -> None:
    run("traps.py", *WRITE).assert_outcomes(passed=14)
    found = findings(pytester)
    assert len(found) == 14
    for test, kinds in found.items():
        expected = next(kind for kind in KINDS if test.startswith(f"test_{kind}"))
        assert expected.replace("_", "-") in kinds, test
