"""A second process behind PgBouncer meets the first one's prepared statements.

asyncpg names them __asyncpg_stmt_1__ and so on, and each process counts from one. In transaction
mode PgBouncer gives both processes the same server connections, and nothing clears what the first
one prepared there: the second cannot even connect. So it is after a restart, too. With both caches
off statements have no names (asyncpg 0.30 needs prepared_statement_name_func=lambda: "" as well).
That is what was measured: neither library promises to work in this mode. PgBouncer's
max_prepared_statements is made for it (test175).

Symptom: DuplicatePreparedStatementError 42P05 "prepared statement ... already exists"
Docs: https://magicstack.github.io/asyncpg/current/faq.html#why-am-i-getting-prepared-statement-errors
Docs: https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#prepared-statement-name-with-pgbouncer
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
    """read in one process, then in another"""
    url = pooler.start(pool_mode="transaction", default_pool_size="1", max_prepared_statements="0")
    await processes.run(read, url, {})
    return await processes.run(read, url, {})


@right
async def both_caches_off(pooler: Pooler, processes: Processes) -> Read:
    """the same with statement_cache_size and prepared_statement_cache_size 0"""
    url = pooler.start(pool_mode="transaction", default_pool_size="1", max_prepared_statements="0")
    off = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    await processes.run(read, url, off)
    return await processes.run(read, url, off)


def check(default_caches: Observation, both_caches_off: Observation) -> None:
    assert default_caches.sqlstate == "42P05"
    assert both_caches_off.value == {"name": "username-1"}


main = main_of(__name__)
