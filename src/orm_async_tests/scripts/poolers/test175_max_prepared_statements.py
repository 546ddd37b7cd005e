"""max_prepared_statements makes PgBouncer prepare what a server connection lacks.

Since 1.21 PgBouncer can keep the statements of each client, under names of its own, and prepares
them on whichever server connection the client's transaction gets. Then the drivers' defaults work,
and their caches are of use. 0, the default until 1.24, leaves them off.

Symptom: asyncpg: InvalidSQLStatementNameError 26000 "prepared statement ... does not exist"
Docs: https://www.pgbouncer.org/config.html#max_prepared_statements
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Pooler, Seen, main_of, right, wrong
from orm_async_tests.models import User

ONLY = "asyncpg"
FIRST = select(func.min(User.username))


async def read_on_two(engine: AsyncEngine) -> dict[str, str | None]:
    """Read on one server connection, and then on another one, which was used last."""
    async with engine.connect() as one, engine.connect() as two:
        await one.scalar(FIRST)
        await two.scalar(select(1))
        await one.commit()
        await two.commit()
        return {"first": await one.scalar(FIRST)}


@wrong
async def off(pooler: Pooler, make_engine: MakeEngine) -> dict[str, str | None]:
    """two transactions of one connection, with max_prepared_statements 0"""
    url = pooler.start(pool_mode="transaction", max_prepared_statements="0")
    return await read_on_two(make_engine(url))


@right
async def on(pooler: Pooler, make_engine: MakeEngine) -> dict[str, str | None]:
    """the same with 200"""
    url = pooler.start(pool_mode="transaction", max_prepared_statements="200")
    return await read_on_two(make_engine(url))


def check(off: Seen, on: Seen) -> None:
    assert off.sqlstate == "26000"
    assert on.value == {"first": "username-1"}


main = main_of(__name__)
