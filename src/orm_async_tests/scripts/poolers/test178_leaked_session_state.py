"""In PgBouncer's transaction mode, SET, advisory locks and LISTEN leak to the next client.

In transaction mode, PgBouncer can give a server connection to another client after every
transaction. PgBouncer resets a server connection between clients only in session mode. SET LOCAL
and transaction-level locks do not leak to the next client. LISTEN needs a direct connection to the
server.

Docs: https://www.pgbouncer.org/features.html
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, Pooler, main_of, right, wrong

LIMIT = "SHOW statement_timeout"
CHANNELS = "SELECT array(SELECT pg_listening_channels())"
LOCK, XACT_LOCK = "SELECT pg_try_advisory_lock(178)", "SELECT pg_try_advisory_xact_lock(178)"
Answer = dict[str, object]


async def next_client(pooler: Pooler, make_engine: MakeEngine, first: str, then: str) -> object:
    url = pooler.start(pool_mode="transaction")
    async with make_engine(url).connect() as one, make_engine(url).connect() as other:
        await one.execute(text(first))
        await one.commit()
        return await other.scalar(text(then))


@wrong
async def set_(pooler: Pooler, make_engine: MakeEngine) -> Answer:
    """SET statement_timeout and commit, then let another client read the timeout"""
    return {"limit": await next_client(pooler, make_engine, "SET statement_timeout = '7s'", LIMIT)}


@right
async def local(pooler: Pooler, make_engine: MakeEngine) -> Answer:
    """SET LOCAL statement_timeout and commit, then let another client read the timeout"""
    first = "SET LOCAL statement_timeout = '7s'"
    return {"limit": await next_client(pooler, make_engine, first, LIMIT)}


@wrong
async def lock(pooler: Pooler, make_engine: MakeEngine) -> Answer:
    """call pg_try_advisory_lock() and commit, then let another client try the same lock"""
    return {"granted twice": await next_client(pooler, make_engine, LOCK, LOCK)}


@right
async def xact(pooler: Pooler, make_engine: MakeEngine) -> Answer:
    """call pg_try_advisory_xact_lock(), and let another client try the lock before the commit"""
    url = pooler.start(pool_mode="transaction")
    async with make_engine(url).connect() as one, make_engine(url).connect() as other:
        await one.execute(text(XACT_LOCK))
        return {"granted twice": await other.scalar(text(XACT_LOCK))}


@wrong
async def listen(pooler: Pooler, make_engine: MakeEngine) -> Answer:
    """LISTEN and commit, then let another client list the channels"""
    return {"channels": await next_client(pooler, make_engine, "LISTEN test178", CHANNELS)}


@right
async def past(pooler: Pooler, make_engine: MakeEngine, engine: AsyncEngine) -> Answer:
    """LISTEN on a direct connection, then list the channels as a client of the pooler"""
    through = make_engine(pooler.start(pool_mode="transaction"))
    async with engine.connect() as one, through.connect() as other:
        await one.execute(text("LISTEN test178"))
        await one.commit()
        return {"channels": await other.scalar(text(CHANNELS))}


def check(
    set_: Observation,
    local: Observation,
    lock: Observation,
    xact: Observation,
    listen: Observation,
    past: Observation,
) -> None:
    assert (set_.value, local.value) == ({"limit": "7s"}, {"limit": "0"})
    assert (lock.value, xact.value) == ({"granted twice": True}, {"granted twice": False})
    assert (listen.value, past.value) == ({"channels": ["test178"]}, {"channels": []})


main = main_of(__name__)
