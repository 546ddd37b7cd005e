"""create_all() needs run_sync(), and a rollback also removes the new tables.

The method create_all() needs a synchronous Connection, which run_sync() passes to your function. If
you pass AsyncConnection.sync_connection to create_all(), it raises MissingGreenlet (xd2s). Pass
create_all to run_sync() without calling it, because create_all() without a connection raises
TypeError. DDL is transactional in PostgreSQL, so a failed migration leaves nothing behind.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#synopsis-core
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with "create_all"
in the traceback.
Symptom: you get TypeError "create_all() missing 1 required positional argument: 'bind'".
"""

from contextlib import suppress
from typing import Any, cast

from sqlalchemy import Column, Connection, Integer, MetaData, Table
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong

METADATA = MetaData()
Table("test77", METADATA, Column("id", Integer))
EXISTS = "SELECT to_regclass('test77') IS NOT NULL"


class Changed(Exception):
    """An error that this script raises to roll back a transaction."""


@wrong
async def sync_connection(engine: AsyncEngine) -> None:
    """create_all(connection.sync_connection)"""
    async with engine.begin() as connection:
        METADATA.create_all(cast(Connection, connection.sync_connection))


@wrong
async def called(engine: AsyncEngine) -> None:
    """call create_all() in the arguments of run_sync()"""
    create_all: Any = METADATA.create_all  # Any hides this error from the type checker
    async with engine.begin() as connection:
        await connection.run_sync(create_all())


@right
async def run_sync(engine: AsyncEngine, activity: Activity) -> dict[str, bool]:
    """call run_sync() with create_all, then with drop_all"""
    async with engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    exists = await activity.scalar(EXISTS)
    async with engine.begin() as connection:
        await connection.run_sync(METADATA.drop_all)
    return {"exists": exists, "exists after drop_all": await activity.scalar(EXISTS)}


@right
async def rolled_back(engine: AsyncEngine, activity: Activity) -> dict[str, list[bool]]:
    """call run_sync() with create_all, then raise an error"""
    with suppress(Changed):
        async with engine.begin() as connection:
            await connection.run_sync(METADATA.create_all)
            raise Changed
    return {"exists": await activity.scalar(EXISTS)}


def check(
    sync_connection: Observation,
    called: Observation,
    run_sync: Observation,
    rolled_back: Observation,
) -> None:
    assert sync_connection.code == "xd2s"
    assert isinstance(called.error, TypeError)
    assert run_sync.value == {"exists": True, "exists after drop_all": False}
    assert rolled_back.value == {"exists": False}
    assert rolled_back.log[-1] == "ROLLBACK"


main = main_of(__name__)
