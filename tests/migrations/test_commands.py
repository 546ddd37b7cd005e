"""The documented commands of Alembic, as they are typed from the project's root."""

import asyncio
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine

from orm_async_tests import db, migrations
from tests.conftest import with_url
from tests.processes import WAITED_FOR, until

ROOT = Path(__file__).parent.parent.parent
THOROUGH = pytest.mark.thorough


def start_alembic(database: db.Database, *arguments: str) -> "subprocess.Popen[str]":
    """Start an alembic process with warnings as errors."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "alembic.config", *arguments],
        cwd=ROOT,
        env=with_url(database),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def alembic(database: db.Database, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run alembic to its end."""
    with start_alembic(database, *arguments) as process:
        stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def succeeded(database: db.Database, *arguments: str) -> str:
    """What a command printed; it exits with 0 and warns of nothing."""
    done = alembic(database, *arguments)
    assert done.returncode == 0, done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
    return done.stdout


async def _asked(database: db.Database, sql: str) -> object:
    async with db.connect(database, "tests", isolation_level="AUTOCOMMIT") as connection:
        result = await connection.exec_driver_sql(sql)
        return result.scalar() if result.returns_rows else None


LINES = {"alembic": "97eeeb1ead54", "service": "c41f7a9d20be"}  # a section, and its first revision


@pytest.mark.parametrize("section", LINES)
def test_a_database_goes_up_and_down_twice_with_no_branch_named(
    empty_database: db.Database, section: str
) -> None:
    line = ("-n", section)
    for _ in range(2):
        succeeded(empty_database, *line, "upgrade", LINES[section])
        succeeded(empty_database, *line, "upgrade", "head")
        succeeded(empty_database, *line, "upgrade", "head")
        succeeded(empty_database, *line, "check")
        assert "(head)" in succeeded(empty_database, *line, "current")
        succeeded(empty_database, *line, "downgrade", "-1")
        succeeded(empty_database, *line, "downgrade", "base")
        assert LINES[section] in succeeded(empty_database, *line, "history")


@pytest.mark.parametrize("first", LINES)
def test_a_line_needs_and_touches_nothing_of_the_other(
    empty_database: db.Database, first: str
) -> None:
    (second,) = LINES.keys() - {first}
    succeeded(empty_database, "-n", first, "upgrade", "head")
    succeeded(empty_database, "-n", second, "upgrade", "head")
    succeeded(empty_database, "-n", first, "check")
    succeeded(empty_database, "-n", second, "downgrade", "base")
    assert "(head)" in succeeded(empty_database, "-n", first, "current")


TOGETHER = (  # as it was when both lines were branches of one environment
    "DELETE FROM service.alembic_version",
    "DROP TABLE service.alembic_version",
    "INSERT INTO public.alembic_version VALUES ('c41f7a9d20be')",
    "INSERT INTO users (username) VALUES ('walker')",
    "INSERT INTO service.idempotency_keys (key, request) VALUES ('k', 'r')",
)
ROWS = "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM service.idempotency_keys)"


@pytest.mark.parametrize("first", LINES)
def test_a_database_with_both_lines_in_one_table_is_brought_over_without_loss(
    empty_database: db.Database, first: str
) -> None:
    (second,) = LINES.keys() - {first}
    for section in LINES:
        succeeded(empty_database, "-n", section, "upgrade", "head")
    for sql in TOGETHER:
        asyncio.run(_asked(empty_database, sql))
    for section in (first, second, first):
        succeeded(empty_database, "-n", section, "upgrade", "head")
        assert "(head)" in succeeded(empty_database, "-n", section, "current")
        succeeded(empty_database, "-n", section, "check")
    assert asyncio.run(_asked(empty_database, ROWS)) == 2


def test_sql_is_printed_without_a_database() -> None:
    nowhere = db.Database(db.parse_url("postgresql://127.0.0.1:1/x", "--db"), "url", "nowhere")
    assert "CREATE TABLE users" in succeeded(nowhere, "upgrade", "head", "--sql")
    assert "service.alembic_version" in succeeded(
        nowhere, "-n", "service", "upgrade", "head", "--sql"
    )
    assert "DROP INDEX" in succeeded(nowhere, "downgrade", "5b8c0f2d9a41:97eeeb1ead54", "--sql")


def test_autogenerate_writes_a_revision_that_changes_nothing(
    empty_database: db.Database, tmp_path: Path
) -> None:
    """In a copy of the project, since other tests read the folder of revisions."""
    shutil.copytree(ROOT / "src/alembic", tmp_path / "src/alembic")
    shutil.copy(ROOT / "alembic.ini", tmp_path)
    succeeded(empty_database, "upgrade", "head")
    revise = ["revision", "--autogenerate", "-m", "of tests", "--rev-id", "feed"]
    succeeded(empty_database, "-c", str(tmp_path / "alembic.ini"), *revise)

    written = tmp_path / "src/alembic/versions/feed_of_tests.py"
    assert "op." not in written.read_text("utf-8")
    assert migrations.read_revision(written) == ("feed", migrations.heads(migrations.TRACKS))


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("revision = 'b'\ndown_revision = None", frozenset[str]()),
        ('revision: str = "b"\ndown_revision: str | None = "a"', frozenset({"a"})),
        ("revision = 'b'\ndown_revision = ('a', 'c')", frozenset({"a", "c"})),
    ],
)
def test_a_revision_is_read_however_it_is_written(
    tmp_path: Path, text: str, before: frozenset[str]
) -> None:
    path = tmp_path / "b.py"
    path.write_text(text)
    assert migrations.read_revision(path) == ("b", before)


def test_a_foreign_database_is_refused_with_exit_code_2(empty_database: db.Database) -> None:
    asyncio.run(_asked(empty_database, "CREATE TABLE theirs (id int)"))

    assert alembic(empty_database, "upgrade", "head").returncode == 2
    assert asyncio.run(_asked(empty_database, "SELECT to_regclass('users')")) is None


def test_an_unreachable_database_is_refused_with_exit_code_2() -> None:
    nowhere = db.Database(db.parse_url("postgresql://127.0.0.1:1/x", "--db"), "url", "nowhere")
    done = alembic(nowhere, "upgrade", "head")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("section", ["alembic", pytest.param("service", marks=THOROUGH)])
def test_three_upgrades_of_an_empty_database_at_once_take_turns(
    empty_database: db.Database, section: str
) -> None:
    engine = create_engine(db.with_driver(empty_database.url, "psycopg"), poolclass=NullPool)
    with engine.connect() as holder, engine.connect() as watcher, ExitStack() as upgrades:
        migrations.lock(holder)
        started = [
            upgrades.enter_context(start_alembic(empty_database, "-n", section, "upgrade", "head"))
            for _ in range(3)
        ]
        until(lambda: watcher.scalar(WAITED_FOR, {"locktype": "advisory"}) == len(started))
        holder.rollback()
        outputs = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], outputs
    assert "(head)" in succeeded(empty_database, "-n", section, "current")


def test_no_connection_stays_open(empty_database: db.Database) -> None:
    succeeded(empty_database, "upgrade", "head")
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert asyncio.run(_asked(empty_database, others)) == 1  # this one
