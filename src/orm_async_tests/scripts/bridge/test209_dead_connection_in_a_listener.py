"""On SQLAlchemy 2.0, a dead connection may stay in the pool if a listener executes SQL.

If the server has closed the connection, the SQL of a `before_cursor_execute` listener fails.
SQLAlchemy 2.0 does not notice that a listener failed, so every later checkout gets the same dead
connection. With pool_pre_ping, the pool detects a dead connection at checkout. SQLAlchemy 2.1
handles an error in a listener like an error in a statement.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#dealing-with-disconnects
"""

from typing import Any

from sqlalchemy import Connection, event, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Activity, Observation, Upstream, main_of, right, variant

ONE_SLOT = {"pool_size": 1, "max_overflow": 0}
SET_TENANT = "SET LOCAL app.tenant = '1'"
DEFECT = Upstream(
    "a dead connection stays in the pool if a listener's SQL uses it first",
    {"sqlalchemy": ">=2.0,<2.1", "asyncpg": ">=0.30,<0.33"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13381",
    "breaks the pool",
)


async def use_twice(engine: AsyncEngine) -> dict[str, bool]:
    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def set_tenant(_connection: Connection, cursor: Any, *_: Any) -> None:
        cursor.execute(SET_TENANT)

    errors = (DBAPIError, engine.dialect.loaded_dbapi.Error)  # 2.0 does not wrap this one
    failed = {}
    for use in ("first", "second"):
        try:
            async with AsyncSession(engine) as session:
                await session.execute(select(1))
            failed[use] = False
        except errors:
            failed[use] = True
    return failed


@variant(engine=ONE_SLOT)
async def unpinged(engine: AsyncEngine, activity: Activity) -> dict[str, bool]:
    """let the server close the connection, then use the engine twice"""
    await activity.terminate()
    return await use_twice(engine)


@right(engine=ONE_SLOT | {"pool_pre_ping": True})
async def pinged(engine: AsyncEngine, activity: Activity) -> dict[str, bool]:
    """with pool_pre_ping=True, let the server close the connection, then use the engine twice"""
    await activity.terminate()
    return await use_twice(engine)


def check(unpinged: Observation, pinged: Observation) -> None:
    assert pinged.value == {"first": False, "second": False}
    assert unpinged.value["first"] is True
    with DEFECT:
        assert unpinged.value["second"] is False


main = main_of(__name__)
