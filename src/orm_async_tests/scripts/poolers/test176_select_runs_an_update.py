"""Behind PgBouncer, a SELECT may run another process's UPDATE that has the same statement name.

Every process numbers asyncpg's statements from one, so the name __asyncpg_stmt_5__ can mean an
UPDATE in one process and a SELECT in another process. If the statement name of a client's SELECT
belongs to an UPDATE on the server connection, the server executes the UPDATE without an error.
If the server has executed another process's UPDATE, the client's next COMMIT makes the UPDATE
permanent. Switch off the statement caches of asyncpg and SQLAlchemy.

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
Names = dict[str, object]


async def first(url: URL, caches: Caches) -> None:
    engine = create_async_engine(url, connect_args=caches)
    async with engine.connect() as connection:
        await connection.execute(text(UPDATE))
    await engine.dispose()


async def second(url: URL, caches: Caches) -> list[str | None]:
    engine = create_async_engine(url, connect_args=caches)
    async with engine.connect() as connection, engine.connect() as waiting:
        names = [await connection.scalar(text(SELECT))]
        await connection.commit()
        await waiting.execute(LOCK)  # holds the server connection that was just used
        names.append(await connection.scalar(text(SELECT)))
        await connection.commit()
    await engine.dispose()
    return names


async def both(
    url: URL, caches: Caches, activity: Activity, processes: Processes
) -> list[str | None]:
    """Run `first()` and then `second()` in separate processes, and return what `second()` reads.

    Another client keeps the server connection of `first()` busy, so that `second()` starts on a
    different server connection.
    """
    await processes.run(first, url, caches)
    async with create_async_engine(url, poolclass=NullPool, connect_args=OFF).connect() as holding:
        await holding.execute(LOCK)
        reading = asyncio.create_task(processes.run(second, url, caches))
        await activity.until_blocked()
    return await reading


@wrong
async def default_caches(pooler: Pooler, activity: Activity, processes: Processes) -> Names:
    """UPDATE and roll back in one process, then SELECT twice in another process"""
    url = pooler.start(pool_mode="transaction", default_pool_size="2", max_prepared_statements="0")
    read = await both(url, {}, activity, processes)
    return {"read": read, "in the table": await activity.scalar(SELECT)}


@right
async def both_caches_off(pooler: Pooler, activity: Activity, processes: Processes) -> Names:
    """UPDATE in one process, then SELECT twice in another, with all statement caches off"""
    url = pooler.start(pool_mode="transaction", default_pool_size="2", max_prepared_statements="0")
    read = await both(url, OFF, activity, processes)
    return {"read": read, "in the table": await activity.scalar(SELECT)}


def check(default_caches: Observation, both_caches_off: Observation) -> None:
    assert default_caches.value == {"read": ["username-1", "changed"], "in the table": "changed"}
    assert both_caches_off.value == {"read": ["username-1"] * 2, "in the table": "username-1"}


main = main_of(__name__)
