"""Since SQLAlchemy 2.1.7, a session's transaction lists the connections that it has acquired.

A call to session.begin() takes no connection from the pool (test17). Reading the attribute
`connections` of a transaction does not acquire a connection.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncSessionTransaction.connections
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, checked_out, main_of, variant

SINCE = "2.1.7"
ALSO = "aiosqlite"


@variant
async def looked_at(engine: AsyncEngine, session: AsyncSession) -> dict[str, int]:
    """begin a transaction, then count `transaction.connections` and the checked-out connections"""
    async with session.begin() as transaction:
        return {
            "connections listed": len(transaction.connections),
            "connections in use": checked_out(engine),
        }


@variant
async def after_sql(engine: AsyncEngine, session: AsyncSession) -> dict[str, int]:
    """execute a statement, then count `transaction.connections` and the checked-out connections"""
    async with session.begin() as transaction:
        await session.execute(text("SELECT 1"))
        return {
            "connections listed": len(transaction.connections),
            "connections in use": checked_out(engine),
        }


def check(looked_at: Observation, after_sql: Observation) -> None:
    assert looked_at.value == {"connections listed": 0, "connections in use": 0}
    assert after_sql.value == {"connections listed": 1, "connections in use": 1}


main = main_of(__name__)
