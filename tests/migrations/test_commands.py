"""The documented commands of Alembic, as they are typed from the project's root."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

from orm_async_tests import db
from tests.conftest import with_url

ROOT = Path(__file__).parent.parent.parent


def alembic(database: db.Database, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run alembic with warnings as errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "alembic.config", *arguments],
        cwd=ROOT,
        env=with_url(database),
        capture_output=True,
        text=True,
    )


def succeeded(database: db.Database, *arguments: str) -> str:
    """What a command printed; it exits with 0 and warns of nothing."""
    done = alembic(database, *arguments)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


async def _asked(database: db.Database, sql: str) -> object:
    async with db.connected(database, "tests", isolation_level="AUTOCOMMIT") as connection:
        result = await connection.exec_driver_sql(sql)
        return result.scalar() if result.returns_rows else None


def test_a_database_goes_up_and_down(empty_database: db.Database) -> None:
    succeeded(empty_database, "upgrade", "97eeeb1ead54")
    succeeded(empty_database, "upgrade", "heads")
    succeeded(empty_database, "check")
    assert "(head)" in succeeded(empty_database, "current")
    succeeded(empty_database, "downgrade", "tracks@-1")
    succeeded(empty_database, "downgrade", "base")
    assert "97eeeb1ead54" in succeeded(empty_database, "history")


def test_sql_is_printed_without_a_database() -> None:
    nowhere = db.Database(db.parsed("postgresql://127.0.0.1:1/x", "--db"), "url", "nowhere")
    assert "CREATE TABLE users" in succeeded(nowhere, "upgrade", "heads", "--sql")
    assert "DROP INDEX" in succeeded(nowhere, "downgrade", "5b8c0f2d9a41:97eeeb1ead54", "--sql")


def test_autogenerate_writes_a_revision_that_changes_nothing(
    empty_database: db.Database, tmp_path: Path
) -> None:
    """In a copy of the project, since other tests read the folder of revisions."""
    shutil.copytree(ROOT / "src/alembic", tmp_path / "src/alembic")
    shutil.copy(ROOT / "alembic.ini", tmp_path)
    succeeded(empty_database, "upgrade", "heads")
    revise = ["revision", "--autogenerate", "-m", "of tests", "--rev-id", "feed"]
    revise += ["--head", "tracks@head"]
    succeeded(empty_database, "-c", str(tmp_path / "alembic.ini"), *revise)

    written = (tmp_path / "src/alembic/versions/feed_of_tests.py").read_text("utf-8")
    assert "op." not in written


def test_a_foreign_database_is_refused_with_exit_code_2(empty_database: db.Database) -> None:
    asyncio.run(_asked(empty_database, "CREATE TABLE theirs (id int)"))

    assert alembic(empty_database, "upgrade", "heads").returncode == 2
    assert asyncio.run(_asked(empty_database, "SELECT to_regclass('users')")) is None


def test_an_unreachable_database_is_refused_with_exit_code_2() -> None:
    nowhere = db.Database(db.parsed("postgresql://127.0.0.1:1/x", "--db"), "url", "nowhere")
    done = alembic(nowhere, "upgrade", "heads")
    assert (done.returncode, done.stdout) == (2, "")


def test_no_connection_stays_open(empty_database: db.Database) -> None:
    succeeded(empty_database, "upgrade", "heads")
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert asyncio.run(_asked(empty_database, others)) == 1  # this one
