"""On SQLAlchemy 2.0, cancelling a before_cursor_execute listener loses the rows of the next task.

A `before_cursor_execute` listener may run SQL on the cursor, for example to set a tenant for
row-level security. If a cancel arrives while asyncpg sends BEGIN for a listener's SQL, SQLAlchemy
2.0 leaves an open transaction on the pooled connection. If the next task gets a connection whose
asyncpg transaction is still open, asyncpg turns the task's transaction into a savepoint. A commit()
that only releases a savepoint does not make the rows permanent. On SQLAlchemy 2.0, move the SQL of
a `before_cursor_execute` listener into an `after_begin` listener.

Docs: https://docs.sqlalchemy.org/en/21/orm/events.html#sqlalchemy.orm.SessionEvents.after_begin
"""

import asyncio
from typing import Any

from sqlalchemy import Connection, event, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, Upstream, main_of, right, variant
from orm_async_tests.models import User

ONE_SLOT = {"pool_size": 1, "max_overflow": 0}
SET_TENANT = "SET LOCAL app.tenant = '1'"
OPEN_TRANSACTION = Upstream(
    "a cancel of a listener's SQL can leave an open transaction in the pool, and lose later rows",
    {"sqlalchemy": ">=2.0,<2.1", "asyncpg": ">=0.30,<0.33"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13381",
    "loses data",
)


async def count_committed(engine: AsyncEngine, other: AsyncEngine) -> int | None:
    async with AsyncSession(engine) as session:
        session.add(User(username="the next user"))
        await session.commit()
    async with AsyncSession(other) as session:
        rows = select(func.count(User.id)).where(User.username == "the next user")
        return await session.scalar(rows)


@variant(engine=ONE_SLOT)
async def on_the_cursor(engine: AsyncEngine, other: AsyncEngine) -> dict[str, object]:
    """cancel a before_cursor_execute listener as it calls cursor.execute("SET LOCAL ...")"""

    @event.listens_for(engine.sync_engine, "before_cursor_execute", once=True)
    def set_tenant(_connection: Connection, cursor: Any, *_: Any) -> None:
        task.cancel()
        cursor.execute(SET_TENANT)

    async def use() -> None:
        async with AsyncSession(engine) as session:
            await session.execute(select(1))

    task = asyncio.create_task(use())
    await asyncio.wait([task])
    return {"cancelled": task.cancelled(), "rows": await count_committed(engine, other)}


@right(engine=ONE_SLOT)
async def after_begin(engine: AsyncEngine, other: AsyncEngine) -> dict[str, object]:
    """cancel an after_begin listener as it calls connection.execute("SET LOCAL ...")"""

    async def use() -> None:
        async with AsyncSession(engine) as session:

            @event.listens_for(session.sync_session, "after_begin")
            def set_tenant(_session: Any, _transaction: Any, connection: Connection) -> None:
                task.cancel()
                connection.execute(text(SET_TENANT))

            await session.execute(select(1))

    task = asyncio.create_task(use())
    await asyncio.wait([task])
    return {"cancelled": task.cancelled(), "rows": await count_committed(engine, other)}


def check(on_the_cursor: Observation, after_begin: Observation) -> None:
    assert after_begin.value == {"cancelled": True, "rows": 1}
    assert on_the_cursor.value["cancelled"] is True
    with OPEN_TRANSACTION:
        assert on_the_cursor.value["rows"] == 1


main = main_of(__name__)
