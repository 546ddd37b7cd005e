"""The project never migrates a database that belongs to another program."""

import asyncio

import pytest
from sqlalchemy import Connection

from orm_async_tests import db, migrations
from orm_async_tests.errors import CouldNotRun

HISTORIES = migrations.HISTORIES.values()
FOREIGN = (
    "CREATE TABLE users (id int)",
    "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('0123')",
    "CREATE SCHEMA other; CREATE TABLE other.things (id int)",
    "CREATE VIEW something AS SELECT 1",
)
FIRST_REVISION = "97eeeb1ead54"


async def read_state(database: db.Database, *statements: str, upgrade: bool = False) -> str:
    """Execute statements, perhaps upgrade the database, and return its state."""
    async with db.connect(database, "tests", isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)
        if upgrade:
            await connection.run_sync(migrations.upgrade, *HISTORIES)
        return await connection.run_sync(migrations.read_state, *HISTORIES)


@pytest.mark.parametrize("statements", FOREIGN)
def test_a_foreign_database_is_refused_by_name(
    empty_database: db.Database, statements: str
) -> None:
    separate = statements.split("; ")  # asyncpg executes one statement at a time
    with pytest.raises(CouldNotRun) as refused:
        asyncio.run(read_state(empty_database, *separate, upgrade=True))

    assert str(empty_database.url.database) in refused.value.problem
    assert asyncio.run(read_state(empty_database)) == "foreign"


def test_a_database_with_an_unknown_revision_is_refused_by_the_revision(
    empty_database: db.Database,
) -> None:
    asyncio.run(read_state(empty_database, upgrade=True))
    newer = "UPDATE alembic_version SET version_num = 'feed'"
    with pytest.raises(CouldNotRun) as refused:
        asyncio.run(read_state(empty_database, newer, upgrade=True))
    assert refused.value.where == "the revision feed"


SCRIPT_TABLE = ("CREATE SCHEMA test5", "CREATE TABLE test5.things (id int)")
BASE = "CREATE TABLE alembic_version (version_num text)"


@pytest.mark.parametrize(
    ("statements", "state"),
    [
        ([], "empty"),
        ([BASE], "empty"),
        ([BASE, *SCRIPT_TABLE], "empty"),
        (SCRIPT_TABLE, "foreign"),
        ([BASE, "CREATE TABLE users (id int)"], "foreign"),
    ],
)
def test_a_database_without_a_current_revision_is_empty_unless_it_has_foreign_tables(
    empty_database: db.Database, statements: list[str], state: str
) -> None:
    assert asyncio.run(read_state(empty_database, *statements)) == state


def test_an_empty_database_is_migrated_inside_a_running_loop(empty_database: db.Database) -> None:
    assert asyncio.run(read_state(empty_database)) == "empty"
    assert asyncio.run(read_state(empty_database, upgrade=True)) == "current"
    assert asyncio.run(read_state(empty_database, upgrade=True)) == "current"


def test_two_upgrades_at_once_take_turns(empty_database: db.Database) -> None:
    async def upgrade() -> None:
        async with db.connect(empty_database, "tests") as connection:
            await connection.run_sync(migrations.upgrade, *HISTORIES)
            await connection.commit()

    async def upgrade_twice() -> None:
        await asyncio.gather(upgrade(), upgrade())

    asyncio.run(upgrade_twice())
    assert asyncio.run(read_state(empty_database)) == "current"


def test_an_older_database_is_upgraded(empty_database: db.Database) -> None:
    async def upgrade_to_first() -> None:
        async with db.connect(empty_database, "tests") as connection:
            await connection.run_sync(upgrade_to, FIRST_REVISION)
            await connection.commit()

    asyncio.run(upgrade_to_first())
    assert asyncio.run(read_state(empty_database)) == "behind"
    assert asyncio.run(read_state(empty_database, upgrade=True)) == "current"


def upgrade_to(connection: Connection, revision: str) -> None:
    """Upgrade with a passed connection, as the docstring of env.py describes."""
    from alembic import command

    command.upgrade(migrations.make_config(connection, migrations.TRACKING), revision)
