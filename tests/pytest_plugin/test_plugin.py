"""The plugin reports each misuse in a user's tests, and nothing in correct tests."""

import json
import subprocess
import sys
from argparse import Namespace
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest
from sqlalchemy import URL, make_url

from orm_async_tests import db, pytest_plugin
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.pytest_plugin import MisusePlugin, findings
from tests.pytest_plugin.pytest_runs import copy_suites, run_pytest

MISUSES, CORRECT = 15, 16  # tests
BASELINE = (findings.BASELINE_OPTION, "known.json")
WRITE = (*BASELINE, f"{findings.BASELINE_OPTION}-write")
COMBINATIONS = [  # the other tests use asyncio, and aiosqlite or asyncpg
    ("psycopg", "anyio"),
    pytest.param("asyncpg", "asyncio", marks=pytest.mark.thorough),
    pytest.param("aiosqlite", "asyncio", marks=pytest.mark.thorough),
    pytest.param("asyncpg", "anyio", marks=pytest.mark.thorough),
    pytest.param("psycopg", "asyncio", marks=pytest.mark.thorough),
    pytest.param("aiosqlite", "anyio", marks=pytest.mark.thorough),
]


@pytest.fixture
def sqlite(tmp_path: Path) -> URL:
    """An empty database for aiosqlite."""
    return make_url(f"sqlite+aiosqlite:///{tmp_path}/test.sqlite")


@pytest.mark.parametrize(("driver", "runner"), COMBINATIONS)
def test_misuse_is_found_correct_tests_pass_and_notes_name_the_query(
    empty_database: db.Database, tmp_path: Path, sqlite: URL, driver: str, runner: str
) -> None:
    suites = ("misuse_suite.py", "correct_suite.py", "lazy_suite.py")
    copy_suites(tmp_path, *suites, "owner_fixtures.py")
    server = empty_database.url.set(drivername=f"postgresql+{driver}")
    url = sqlite if driver == "aiosqlite" else server
    expected = expected_notes(tmp_path / "lazy_suite.py")

    result = run_pytest(tmp_path, url, *suites, *WRITE, runner=runner)
    result.assert_outcomes(passed=MISUSES + CORRECT, failed=len(expected))
    result.stdout.fnmatch_lines(expected)  # in this order
    notes = [line for line in result.outlines if "async-orm: Owner.pets" in line]
    assert all(first != second for first, second in pairwise(notes))
    known = json.loads((tmp_path / "known.json").read_text("utf-8"))
    assert len(known) == MISUSES
    for test, kinds in known.items():
        [kind] = kinds
        assert test.startswith(f"misuse_suite.py::test_{kind.replace('-', '_')}")


def expected_notes(suite: Path) -> list[str]:
    """Return patterns for the notes that comments of the suite describe."""
    lines = suite.read_text("utf-8").splitlines()
    notes = [(number, line.partition("  # ")[2]) for number, line in enumerate(lines, 1)]
    return [
        f"*async-orm: {note} (*this {note.partition('.')[0]} came from {suite.name}:{number} in *"
        for number, note in notes
        if " was " in note
    ]


def test_the_summary_groups_the_findings_that_are_not_in_the_baseline(
    tmp_path: Path, sqlite: URL
) -> None:
    suites = ("summary_suite.py", "misuse_suite.py", "correct_suite.py")
    copy_suites(tmp_path, *suites, "owner_fixtures.py")
    known = {
        "misuse_suite.py::test_engine": ["engine"],
        "correct_suite.py::test_close_by_hand": ["transaction"],
        "correct_suite.py::test_that_does_not_run": ["transaction"],
    }
    (tmp_path / "known.json").write_text(json.dumps(known), "utf-8")
    names = "summary or dropped or test_engine or by_hand"
    options = ("-k", names, "-p", "xdist.plugin", "-n", "1", "--async-orm-github")
    job = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    result = run_pytest(tmp_path, sqlite, *suites, *options, *BASELINE, **job)
    result.assert_outcomes(passed=6, errors=4)
    of_job = (tmp_path / "summary.md").read_text("utf-8")
    assert of_job.count("## Misuse of async SQLAlchemy") == 1  # of xdist's main process alone
    checkout = find_line(tmp_path / "summary_suite.py", "leaked.append(await")
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_three*",
            "*RuntimeError: this teardown fails*",
            "connection: *checked out at summary_suite.py:* in test_three was not returned*",
            "*= misuse of async SQLAlchemy =*",
            f"connection at summary_suite.py:{checkout} in leak_connection",
            f"*checked out at summary_suite.py:{checkout} in leak_connection was not returned*",
            "    test: summary_suite.py::test_one",
            "    test: summary_suite.py::test_two",
            "    cure: return the connection with `async with` (*",
        ]
    )
    generator = find_line(tmp_path / "misuse_suite.py", "# the generator is closed here")
    result.stdout.fnmatch_lines([f"two-tasks at misuse_suite.py:{generator} in open_session"])
    result.stdout.fnmatch_lines(
        ["*no longer occurs*: correct_suite.py::test_close_by_hand transaction"]
    )
    result.stdout.fnmatch_lines(["ERROR summary_suite.py::test_one - Failed: connection: *"])
    for absent in ("*bin/pytest*", "engine at *", "*no longer occurs*test_that_does_not_run*"):
        result.stdout.no_fnmatch_line(absent)


def test_a_session_that_a_fixture_leaks_does_not_make_a_later_test_fail(
    tmp_path: Path, sqlite: URL
) -> None:
    copy_suites(tmp_path, "fixture_suite.py", "owner_fixtures.py")
    result = run_pytest(tmp_path, sqlite, "fixture_suite.py", "-W", "error")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["transaction: *checked out at fixture_suite.py:* in open_session*"]
    )


def find_line(suite: Path, text: str) -> int:
    """Return the number of the first line that contains this text."""
    lines = suite.read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_a_baseline_that_cannot_be_read_is_a_usage_error(tmp_path: Path, sqlite: URL) -> None:
    result = run_pytest(tmp_path, sqlite, *BASELINE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*the baseline file does not exist*", "*where: known.json", "*fix: *"]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"baseline": "missing/known.json", "baseline_write": True}, "no folder missing"),
        ({"baseline": ".", "baseline_write": True}, "is a folder"),
        ({"baseline_write": True}, "fix:   --async-orm-baseline-write --async-orm-baseline FILE"),
        ({"trace_all": True}, "fix:   --async-orm-trace-all --async-orm-trace DIR"),
    ],
)
def test_options_that_cannot_work_are_refused_before_tests_run(
    options: dict[str, object], message: str
) -> None:
    names = ("baseline", "baseline_write", "trace", "trace_all", "github")
    values = {f"async_orm_{name}": options.get(name) for name in names}
    with pytest.raises(CouldNotRun, match=message):
        MisusePlugin(Namespace(**values))


@pytest.mark.parametrize(
    ("installed", "problem"),
    [
        (None, "sqlalchemy is not installed"),
        (ModuleType("sqlalchemy"), "sqlalchemy has an unsupported version: cannot import name"),
    ],
)
def test_without_sqlalchemy_2_the_plugin_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, installed: ModuleType | None, problem: str
) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", installed)
    tracker = "orm_async_tests.pytest_plugin.resource_tracker"
    monkeypatch.delitem(sys.modules, tracker, raising=False)
    monkeypatch.delattr(tracker, raising=False)
    names = ("baseline", "baseline_write", "trace", "trace_all", "github")
    config = Namespace(option=Namespace(**{f"async_orm_{name}": None for name in names}))
    with pytest.raises(pytest.UsageError, match=problem):
        pytest_plugin.pytest_configure(cast("pytest.Config", config))


def test_a_baseline_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CouldNotRun, match="fix:   use --async-orm-baseline"):
        findings.write_baseline(tmp_path, {})


@pytest.mark.parametrize("content", ["[]", "{", '{"test": 1}', "\xff"])
def test_a_malformed_baseline_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "known.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(CouldNotRun, match="cannot be read"):
        findings.read_baseline(path)


def test_importing_the_plugin_imports_neither_sqlalchemy_nor_the_harness() -> None:
    code = "import sys, orm_async_tests.pytest_plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    package = "orm_async_tests.pytest_plugin"
    loaded = {name for name in done.stdout.split() if name.startswith("orm_async_tests.")}
    light = {package, f"{package}.findings", "orm_async_tests.extras"}
    assert loaded == {"orm_async_tests.errors", "orm_async_tests.output_files", *light}
    assert "sqlalchemy" not in done.stdout.split()
