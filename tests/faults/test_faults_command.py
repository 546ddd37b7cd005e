"""The command `faults`: its output, its exit codes, and the fault points that it stores."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orm_async_tests import cli, db
from orm_async_tests.extras import install_extra
from orm_async_tests.faults import expected_violations, patterns
from orm_async_tests.faults.failed_points import find_failed_points
from orm_async_tests.faults.fault_points import KINDS, parse_point
from tests.faults import test_sweep

USERS_FUNCTION = "tests.faults.test_sweep:commit_twice"
ROWS = ("--rows", "select count(*) from users")
Run = Callable[..., tuple[int, str, str]]
APPLICATION = '''
"""An application with a session factory of its own, as with FastAPI."""

import os

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

engine = create_async_engine(os.environ["DATABASE_URL"])
Session = async_sessionmaker(engine)
INSERT = text("INSERT INTO users (username) VALUES ('one')")


async def commit_twice():
    for _ in range(2):
        async with Session.begin() as session:
            await session.execute(INSERT)


async def takes_session(session: AsyncSession): ...


async def takes_two(engine, session): ...


def is_not_async(engine): ...


async def does_nothing(engine): ...


async def ends_every_backend(engine):
    async with engine.connect() as connection:
        await connection.execute(text(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ))
'''


@pytest.fixture
def run(
    database: db.Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Run:
    """Run the command on this worker's database, and return its exit code and its output."""
    monkeypatch.setenv("ORM_ASYNC_HOME", str(tmp_path))  # stores the points that failed
    monkeypatch.setenv("DATABASE_URL", database.url.render_as_string(hide_password=False))

    def run_command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["orm-async-tests", "faults", *arguments])
        code = cli.main()
        return code, *capsys.readouterr()

    return run_command


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write a user's module into the working directory, and return its name."""
    name = f"application_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(APPLICATION, "utf-8")
    monkeypatch.chdir(tmp_path)
    return name


def test_a_pattern_without_violations_ends_with_0(run: Run) -> None:
    code, out, err = run("--pattern", "commit", "--fault", "cancel")
    assert code == 0, out + err
    assert "10 points: 0 violations, 0 by known defects, 0 unresolved, 4 ambiguous" in out


def test_known_violations_end_with_0_and_their_points_can_be_run_again(run: Run) -> None:
    code, out, err = run("--pattern", "copy_first", "--fault", "timeout", "--json")
    assert code == 0, out + err
    [cell] = json.loads(out)["cells"]
    assert cell["violations"]
    assert all(violation["known"] for violation in cell["violations"])
    tokens = [
        violation["point"]
        for violation in cell["violations"]
        if "partial commit" in violation["broken"]
    ]

    assert run("--point", f"{tokens[-1].rpartition('/')[0]}/0")[0] == 0  # without a fault
    code, out, _ = run("--point", tokens[-1])  # at the first, the COPY may not be answered yet
    assert code == 1
    assert "partial commit: changed by 500 instead of 501" in out


def test_the_document_contains_every_point(run: Run) -> None:
    code, out, _ = run("--pattern", "commit", "--fault", "timeout", "--json")
    assert code == 0
    [cell] = json.loads(out)["cells"]
    assert list(cell["verdicts"]) == [str(at) for at in range(1, cell["points"] + 1)]
    assert set(cell["verdicts"].values()) == {"pass", "ambiguous"}


def test_a_known_defect_that_does_not_show_is_an_error(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_before_begin = expected_violations.read_expected()["copy_before_begin"]
    cured = replace(copy_before_begin, patterns=frozenset({"commit"}))
    monkeypatch.setattr(expected_violations, "read_expected", lambda: {"cured": cured})
    code, out, _ = run("--pattern", "commit", "--fault", "timeout")
    assert code == 1
    assert f"known defect that did not occur: {cured.defect.description}" in out


def test_a_users_function_is_swept_until_its_failures_pass(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = ("--pattern", USERS_FUNCTION, *ROWS, "--fault", "timeout")
    failed_points = find_failed_points(tmp_path, USERS_FUNCTION, ROWS[1], "asyncpg", "asyncio")
    code, out, err = run(*sweep)
    assert code == 1
    assert f"asyncpg/asyncio/{USERS_FUNCTION}/timeout-suspended/" in out
    assert re.search(r"\n\d points: .* commits \(\d+ s\)\ntest_sweep\.py:", out)
    assert "\n    partial commit: changed by 1 instead of 2\n    at test_sweep.py:" in out
    assert "last time" not in err
    points = failed_points.select(["timeout"])
    assert points
    assert run("--pattern", USERS_FUNCTION, "--fault", "timeout")[0] == 0  # counts no rows
    assert failed_points.select(["timeout"]) == points

    code, _, err = run(*sweep)
    assert code == 1
    assert f"{USERS_FUNCTION}: points that failed last time run first ({len(points)})" in err
    assert all(f"fails again: {point.token}\n" in err for point in points)
    assert err.index("fails again") < err.index("timeout-suspended:")

    monkeypatch.setattr(test_sweep, "commit_twice", patterns.add)  # the function is corrected
    code, _, err = run("--point", points[0].token, *ROWS)
    assert code == 0
    assert failed_points.select(["timeout"]) == points[1:]
    code, _, err = run(*sweep)
    assert code == 0
    assert err.count("passes now") == len(points) - 1
    assert not failed_points.path.exists()


def test_a_function_can_use_the_session_factory_of_its_module(run: Run, application: str) -> None:
    name = f"{application}:commit_twice"
    code, out, _ = run("--pattern", name, *ROWS, "--fault", "timeout")
    assert code == 1
    lines = out.splitlines()
    header = next(number for number, line in enumerate(lines) if line.startswith(application))
    assert " commit_twice: partial commit (" in lines[header]
    token = lines[header + 1].split()[0]
    assert token.startswith(f"asyncpg/asyncio/{name}/timeout-suspended/")
    code, out, _ = run("--point", token, *ROWS)
    assert code == 1
    assert "partial commit: changed by 1 instead of 2" in out

    code, _, err = run("--pattern", name, "--driver", "psycopg")
    assert code == 2
    assert "uses the engine of its module" in err


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        ("takes_session", "takes AsyncSession, not an engine"),
        ("takes_two", "requires 2 arguments: engine, session"),
        ("is_not_async", "is not an async function"),
        ("Session", "is not an async function"),
        ("INSERT", "is not a function, but an object of the class TextClause"),
        ("missing", "could not be imported"),
    ],
)
def test_a_function_of_another_form_is_refused(
    run: Run, application: str, function: str, problem: str
) -> None:
    code, _, err = run("--pattern", f"{application}:{function}")
    assert code == 2
    assert problem in err
    assert "where: --pattern" in err


def test_lost_connections_end_with_2(run: Run, application: str) -> None:
    code, _, err = run("--pattern", f"{application}:ends_every_backend", "--fault", "cancel")
    assert code == 2
    assert "\nthe connection was lost" in err


def test_a_function_without_fault_points_ends_with_2(run: Run, application: str) -> None:
    code, _, err = run("--pattern", f"{application}:does_nothing", "--fault", "cancel")
    assert code == 2
    assert "has no fault point" in err


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("SELECT count(*) FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELEC 1", "syntax error"),
        ("SELECT :limit", "A value is required for bind parameter 'limit'"),
        ("SET work_mem = '4MB'", "does not return rows"),
        ("SELECT 1 WHERE false", "returned 0 rows"),
        ("SELECT generate_series(1, 2)", "returned 2 rows"),
        ("SELECT 1, 'one'", "returned (1, 'one')"),
        ("SELECT max(id) FROM users WHERE false", "returned (None,)"),
    ],
)
def test_rows_that_are_no_row_of_numbers_end_with_2(run: Run, rows: str, problem: str) -> None:
    code, _, err = run("--pattern", USERS_FUNCTION, "--fault", "cancel", "--rows", rows)
    assert code == 2
    assert problem in err
    assert "where: the option --rows" in err


def test_without_anyio_the_fault_scope_is_skipped(
    run: Run, application: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "anyio", None)
    pattern = ("--pattern", f"{application}:does_nothing")
    _, _, err = run(*pattern)
    assert "skipped the fault `scope`, because AnyIO is not installed" in err
    assert install_extra("anyio") in err
    assert "does_nothing timeout-suspended: 0" in err
    assert "scope-suspended" not in err

    code, _, err = run(*pattern, "--fault", "scope")
    assert code == 2
    assert "where: --fault scope" in err
    assert install_extra("anyio") in err


def test_failed_points_of_other_faults_are_kept(tmp_path: Path) -> None:
    failed_points = find_failed_points(tmp_path, "add", None, "asyncpg", "asyncio")
    cancel, fin = (
        parse_point(f"asyncpg/asyncio/add/{fault}/3") for fault in ("cancel-ready", "fin-after")
    )
    failed_points.replace(["cancel", "fin"], [cancel, fin])
    failed_points.replace(["cancel"], [])
    assert failed_points.select(["cancel", "fin"]) == [fin]
    psycopg = find_failed_points(tmp_path, "add", None, "psycopg", "asyncio")
    assert psycopg.select(["cancel", "fin"]) == []


def test_an_unknown_fault_of_another_release_is_ignored(tmp_path: Path) -> None:
    failed_points = find_failed_points(tmp_path, "add", None, "asyncpg", "asyncio")
    failed_points.path.parent.mkdir()
    failed_points.path.write_text("asyncpg/asyncio/add/earthquake-ready/3\n", "utf-8")
    assert failed_points.select(KINDS) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--pattern", "nothing"),
        ("--pattern", "nowhere:nothing"),
        ("--pattern", ":nothing"),
        ("--pattern", "json:"),
        ("--fault", "flood"),
        ("--rows", "select count(*) from users", "--pattern", "add"),
        ("--fault", "kill", "--pattern", USERS_FUNCTION),
        ("--point", "asyncpg/asyncio/add/cancel-never/1"),
        ("--point", "asyncpg/asyncio/add/cancel-ready/300"),
        ("--point", "oracle/asyncio/add/cancel-ready/1"),
        ("--json", "--point", "asyncpg/asyncio/add/cancel-ready/1"),
    ],
    ids=" ".join,
)
def test_bad_arguments_end_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert f"where: {arguments[0]}" in err
