"""In PgBouncer's transaction mode, a cached statement may be missing on the next server connection.

Each client connection caches the names of its prepared statements. PgBouncer may run the client's
next transaction on another server connection, where the prepared statements do not exist.
SQLAlchemy's documentation recommends NullPool and unique statement names for PgBouncer. Even with
NullPool and unique statement names, the second transaction of a connection can fail with SQLSTATE
26000. Switch off the statement caches of asyncpg and SQLAlchemy.

Docs: https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#prepared-statement-name-with-pgbouncer
Symptom: you get InvalidSQLStatementNameError (SQLSTATE 26000)
"prepared statement ... does not exist".
"""

from uuid import uuid4

from sqlalchemy import NullPool, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, Pooler, main_of, right, wrong
from orm_async_tests.models import User

ONLY = "asyncpg"
FIRST = select(func.min(User.username))


async def read_on_two(engine: AsyncEngine) -> dict[str, str | None]:
    async with engine.connect() as one, engine.connect() as two:
        await one.scalar(FIRST)
        await two.scalar(select(1))
        await one.commit()
        await two.commit()
        return {"first": await one.scalar(FIRST)}


@wrong
async def default_caches(pooler: Pooler, make_engine: MakeEngine) -> dict[str, str | None]:
    """read in two transactions of one connection"""
    url = pooler.start(pool_mode="transaction", max_prepared_statements="0")
    return await read_on_two(make_engine(url))


@wrong
async def unique_names(pooler: Pooler, make_engine: MakeEngine) -> dict[str, str | None]:
    """read in two transactions, with NullPool and unique statement names"""
    url = pooler.start(pool_mode="transaction", max_prepared_statements="0")
    names = {"prepared_statement_name_func": lambda: f"s_{uuid4()}"}
    return await read_on_two(make_engine(url, poolclass=NullPool, connect_args=names))


@right
async def both_caches_off(pooler: Pooler, make_engine: MakeEngine) -> dict[str, str | None]:
    """read in two transactions, with all statement caches off"""
    url = pooler.start(pool_mode="transaction", max_prepared_statements="0")
    off = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    return await read_on_two(make_engine(url, connect_args=off))


def check(
    default_caches: Observation, unique_names: Observation, both_caches_off: Observation
) -> None:
    assert default_caches.sqlstate == unique_names.sqlstate == "26000"
    assert both_caches_off.value == {"first": "username-1"}


main = main_of(__name__)
