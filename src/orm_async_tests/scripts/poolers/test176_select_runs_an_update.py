"""Behind PgBouncer a SELECT runs the UPDATE that another process prepared.

Both processes call their first statement of their own __asyncpg_stmt_5__. The first prepares an
UPDATE by this name on one server connection, the second a SELECT on another. Then a transaction of
the second gets the first's server connection. Both return a text, so nothing fails: it commits what
nobody in that process wrote. With both caches off statements have no names, and with
max_prepared_statements (test175) they get PgBouncer's.

Docs: https://magicstack.github.io/asyncpg/current/faq.html#why-am-i-getting-prepared-statement-errors
"""

import asyncio

from sqlalchemy import URL, NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from orm_async_tests.harness import Activity, Observation, Pooler, Processes, main_of, right, wrong

ONLY = "asyncpg>=0.31"
OFF = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
SELECT = "SELECT username FROM users WHERE id = 1"
UPDATE = "UPDATE users SET username = 'changed' WHERE id = 1 RETURNING username"
LOCK = text("SELECT pg_advisory_xact_lock(176)")
Caches = dict[str, int]
Found = dict[str, object]


async def first(url: URL, caches: Caches) -> None:
    engine = create_async_engine(url, connect_args=caches)
    async with engine.connect() as connection:
        await connection.execute(text(UPDATE))  # and take it back
    await engine.dispose()


async def second(url: URL, caches: Caches) -> list[str | None]:
    engine = create_async_engine(url, connect_args=caches)
    async with engine.connect() as connection, engine.connect() as waiting:
        names = [await connection.scalar(text(SELECT))]
        await connection.commit()
        await waiting.execute(LOCK)  # it keeps the server connection that was just used
        names.append(await connection.scalar(text(SELECT)))
        await connection.commit()
    await engine.dispose()
    return names


async def both(
    url: URL, caches: Caches, activity: Activity, processes: Processes
) -> list[str | None]:
    """What the second process reads; at first the server connection of the first is in use."""
    await processes.run(first, url, caches)
    async with create_async_engine(url, poolclass=NullPool, connect_args=OFF).connect() as holding:
        await holding.execute(LOCK)
        reading = asyncio.create_task(processes.run(second, url, caches))
        await activity.until_blocked()
    return await reading


@wrong
async def default_caches(pooler: Pooler, activity: Activity, processes: Processes) -> Found:
    """UPDATE and roll back in one process, SELECT twice in another"""
    url = pooler.start(pool_mode="transaction", default_pool_size="2", max_prepared_statements="0")
    read = await both(url, {}, activity, processes)
    return {"read": read, "in the table": await activity.scalar(SELECT)}


@right
async def both_caches_off(pooler: Pooler, activity: Activity, processes: Processes) -> Found:
    """the same with statement_cache_size and prepared_statement_cache_size 0"""
    url = pooler.start(pool_mode="transaction", default_pool_size="2", max_prepared_statements="0")
    read = await both(url, OFF, activity, processes)
    return {"read": read, "in the table": await activity.scalar(SELECT)}


def check(default_caches: Observation, both_caches_off: Observation) -> None:
    assert default_caches.value == {"read": ["username-1", "changed"], "in the table": "changed"}
    assert both_caches_off.value == {"read": ["username-1"] * 2, "in the table": "username-1"}


main = main_of(__name__)
