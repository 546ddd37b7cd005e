"""Nothing of ours migrates a database that is somebody else's."""

import asyncio

import pytest
from sqlalchemy import Connection

from orm_async_tests import db, migrations
from orm_async_tests.errors import CouldNotRun

LINES = migrations.LINES.values()
FOREIGN = (
    "CREATE TABLE users (id int)",
    "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('0123')",
    "CREATE SCHEMA other; CREATE TABLE other.things (id int)",
    "CREATE VIEW something AS SELECT 1",
)
FIRST = "97eeeb1ead54"


async def prepared(database: db.Database, *statements: str, ensure: bool = True) -> str:
    """The state of the database after these statements, and after ensure()."""
    async with db.connect(database, "tests", isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)
        if ensure:
            await migrations.ensure(connection, *LINES)
        return await connection.run_sync(migrations.state, *LINES)


def split(statements: str) -> list[str]:
    """One statement each: asyncpg prepares them."""
    return statements.split("; ")


@pytest.mark.parametrize("statements", FOREIGN)
def test_a_foreign_database_is_refused_by_name(
    empty_database: db.Database, statements: str
) -> None:
    with pytest.raises(CouldNotRun) as refused:
        asyncio.run(prepared(empty_database, *split(statements)))

    assert str(empty_database.url.database) in refused.value.what
    assert asyncio.run(prepared(empty_database, ensure=False)) == "foreign"


def test_an_empty_database_is_migrated_inside_a_running_loop(empty_database: db.Database) -> None:
    assert asyncio.run(prepared(empty_database, ensure=False)) == "empty"
    assert asyncio.run(prepared(empty_database)) == "current"
    assert asyncio.run(prepared(empty_database)) == "current"


def test_two_who_migrate_at_once_take_turns(empty_database: db.Database) -> None:
    async def migrated() -> None:
        async with db.connect(empty_database, "tests") as connection:
            await migrations.ensure(connection, *LINES)
            await connection.commit()

    async def both() -> None:
        await asyncio.gather(migrated(), migrated())

    asyncio.run(both())
    assert asyncio.run(prepared(empty_database, ensure=False)) == "current"


def test_an_older_database_of_ours_is_upgraded(empty_database: db.Database) -> None:
    async def at_first() -> None:
        async with db.connect(empty_database, "tests") as connection:
            await connection.run_sync(upgraded, FIRST)
            await connection.commit()

    asyncio.run(at_first())
    assert asyncio.run(prepared(empty_database, ensure=False)) == "behind"
    assert asyncio.run(prepared(empty_database)) == "current"


def upgraded(connection: Connection, revision: str) -> None:
    """Upgrade as env.py documents it, over a connection that is handed in."""
    from alembic import command

    config = migrations.config(connection, migrations.TRACKS)
    command.upgrade(config, revision)
