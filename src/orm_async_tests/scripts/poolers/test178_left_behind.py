"""In transaction mode SET, locks and LISTEN stay behind for whoever comes next.

They belong to a session of the server, and that is a server connection, which PgBouncer gives to
another client after each transaction. Its server_reset_query is sent in session mode alone. What
ends with the transaction is safe, and LISTEN needs a connection past the pooler.

Docs: https://www.pgbouncer.org/features.html
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, Pooler, main_of, right, wrong

LIMIT = "SHOW statement_timeout"
CHANNELS = "SELECT array(SELECT pg_listening_channels())"
LOCK, XACT_LOCK = "SELECT pg_try_advisory_lock(178)", "SELECT pg_try_advisory_xact_lock(178)"
Found = dict[str, object]


async def next_client(pooler: Pooler, make_engine: MakeEngine, first: str, then: str) -> object:
    """What another client is answered, after one has committed."""
    url = pooler.start(pool_mode="transaction")
    async with make_engine(url).connect() as one, make_engine(url).connect() as other:
        await one.execute(text(first))
        await one.commit()
        return await other.scalar(text(then))


@wrong
async def set_(pooler: Pooler, make_engine: MakeEngine) -> Found:
    """SET, commit; the next client's limit"""
    return {"limit": await next_client(pooler, make_engine, "SET statement_timeout = '7s'", LIMIT)}


@right
async def local(pooler: Pooler, make_engine: MakeEngine) -> Found:
    """SET LOCAL, commit"""
    first = "SET LOCAL statement_timeout = '7s'"
    return {"limit": await next_client(pooler, make_engine, first, LIMIT)}


@wrong
async def lock(pooler: Pooler, make_engine: MakeEngine) -> Found:
    """lock, commit, and think that it is locked; whether the next client gets the lock too"""
    return {"granted twice": await next_client(pooler, make_engine, LOCK, LOCK)}


@right
async def xact(pooler: Pooler, make_engine: MakeEngine) -> Found:
    """lock for the transaction, and work in it"""
    url = pooler.start(pool_mode="transaction")
    async with make_engine(url).connect() as one, make_engine(url).connect() as other:
        await one.execute(text(XACT_LOCK))
        return {"granted twice": await other.scalar(text(XACT_LOCK))}


@wrong
async def listen(pooler: Pooler, make_engine: MakeEngine) -> Found:
    """LISTEN, commit; what the next client listens to"""
    return {"channels": await next_client(pooler, make_engine, "LISTEN test178", CHANNELS)}


@right
async def past(pooler: Pooler, make_engine: MakeEngine, engine: AsyncEngine) -> Found:
    """LISTEN on an engine with the server's own URL"""
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
