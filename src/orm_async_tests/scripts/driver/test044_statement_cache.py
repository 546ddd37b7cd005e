"""On asyncpg, SQLAlchemy prepares a statement once per connection, or every time without a cache.

The cache of prepared statements belongs to SQLAlchemy's dialect and holds 100 statements per
connection. With prepared_statement_cache_size=0, every execution prepares, executes and closes its
statement, which costs three round trips instead of one.

Docs: https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#prepared-statement-cache
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, variant
from orm_async_tests.models import User

ONLY = "asyncpg"
TIMES = 10


@variant
async def cached(engine: AsyncEngine) -> None:
    """execute one statement ten times"""
    async with engine.connect() as connection:
        for _ in range(TIMES):
            await connection.execute(select(User.id))


@variant(engine={"connect_args": {"prepared_statement_cache_size": 0}})
async def uncached(engine: AsyncEngine) -> None:
    """execute one statement ten times with prepared_statement_cache_size=0"""
    async with engine.connect() as connection:
        for _ in range(TIMES):
            await connection.execute(select(User.id))


def check(cached: Observation, uncached: Observation) -> None:
    begin_and_rollback = 2
    assert cached.round_trips == begin_and_rollback + 1 + TIMES
    assert uncached.round_trips == begin_and_rollback + 3 * TIMES
    assert len(cached.sql) == len(uncached.sql) == TIMES


main = main_of(__name__)
