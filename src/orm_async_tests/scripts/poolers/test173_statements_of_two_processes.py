"""Behind PgBouncer, the prepared-statement names of two processes collide.

The driver asyncpg names its statements __asyncpg_stmt_1__ and so on, and every process counts from
one. In transaction mode, PgBouncer gives several processes the same server connections, so the
statement names of the processes collide. Switch off the statement caches of asyncpg and SQLAlchemy,
so that statements have no names. To switch off statement names on asyncpg 0.30, pass a
prepared_statement_name_func that returns an empty string. Neither asyncpg nor SQLAlchemy promises
to work in PgBouncer's transaction mode. With max_prepared_statements, PgBouncer itself supports
prepared statements (test175).

Docs: https://magicstack.github.io/asyncpg/current/faq.html#why-am-i-getting-prepared-statement-errors
Docs: https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#prepared-statement-name-with-pgbouncer
Symptom: you get DuplicatePreparedStatementError (SQLSTATE 42P05)
"prepared statement ... already exists".
"""

from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import create_async_engine

from orm_async_tests.harness import Observation, Pooler, Processes, main_of, right, wrong
from orm_async_tests.models import User

ONLY = "asyncpg>=0.31"
Read = dict[str, str | None]


async def read(url: URL, arguments: dict[str, int]) -> Read:
    engine = create_async_engine(url, connect_args=arguments)
    async with engine.connect() as connection:
        name = await connection.scalar(select(User.username).order_by(User.id))
    await engine.dispose()
    return {"name": name}


@wrong
async def default_caches(pooler: Pooler, processes: Processes) -> Read:
    """read in one process, then in a second process"""
    url = pooler.start(pool_mode="transaction", default_pool_size="1", max_prepared_statements="0")
    await processes.run(read, url, {})
    return await processes.run(read, url, {})


@right
async def both_caches_off(pooler: Pooler, processes: Processes) -> Read:
    """read in two processes, with all statement caches off"""
    url = pooler.start(pool_mode="transaction", default_pool_size="1", max_prepared_statements="0")
    off = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    await processes.run(read, url, off)
    return await processes.run(read, url, off)


def check(default_caches: Observation, both_caches_off: Observation) -> None:
    assert default_caches.sqlstate == "42P05"
    assert both_caches_off.value == {"name": "username-1"}


main = main_of(__name__)
