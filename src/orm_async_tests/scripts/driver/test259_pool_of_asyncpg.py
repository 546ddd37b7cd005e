"""With async_creator=pool.acquire, asyncpg's pool opens a new connection for every use.

SQLAlchemy closes every connection that async_creator has returned, so asyncpg's pool has to open a
new connection for every use. Let SQLAlchemy pool the connections. If your code needs asyncpg's own
methods, call get_raw_connection().

Docs: https://docs.sqlalchemy.org/en/21/core/engines.html#sqlalchemy.create_engine.params.async_creator
"""

from typing import Any

import asyncpg
from sqlalchemy import URL, NullPool, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong

ONLY = "asyncpg"
USES = 4
PID = select(func.pg_backend_pid())


async def count_connections(engine: AsyncEngine) -> dict[str, int]:
    pids = set[Any]()
    for _ in range(USES):
        async with engine.connect() as connection:
            pids.add(await connection.scalar(PID))
    return {"connections": len(pids)}


@wrong
async def pool_of_asyncpg(make_engine: MakeEngine, url: URL) -> dict[str, int]:
    """use asyncpg.create_pool(), with async_creator=pool.acquire and NullPool"""
    login: dict[str, Any] = {"user": url.username, "password": url.password, "port": url.port}
    host = url.query.get("host") or url.host
    async with asyncpg.create_pool(host=host, database=url.database, min_size=1, **login) as pool:
        engine = make_engine(async_creator=pool.acquire, poolclass=NullPool)
        return await count_connections(engine)


@right
async def pool_of_sqlalchemy(engine: AsyncEngine) -> dict[str, int]:
    """use create_async_engine() with its default pool"""
    return await count_connections(engine)


@right
async def raw_connection(engine: AsyncEngine) -> dict[str, int]:
    """use create_async_engine(), and call asyncpg's fetchval() on the raw connection"""
    pids = set[Any]()
    for _ in range(USES):
        async with engine.connect() as connection:
            raw = await connection.get_raw_connection()
            driver_connection: Any = raw.driver_connection
            pids.add(await driver_connection.fetchval("SELECT pg_backend_pid()"))
    return {"connections": len(pids)}


def check(
    pool_of_asyncpg: Observation, pool_of_sqlalchemy: Observation, raw_connection: Observation
) -> None:
    assert pool_of_asyncpg.value == {"connections": USES}
    assert pool_of_sqlalchemy.value == raw_connection.value == {"connections": 1}


main = main_of(__name__)
