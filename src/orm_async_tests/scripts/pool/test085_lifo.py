"""A pool uses its connections in turn; with pool_use_lifo=True always the last.

In turn (the default) every connection of a quiet pool is used now and then, and none is ever
idle for long. With pool_use_lifo=True the same one is used again and again, and the server or
a firewall may close the others: together with pool_pre_ping a pool shrinks when it is quiet.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#using-fifo-vs-lifo
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, variant

PID = text("SELECT pg_backend_pid()")


async def fill(engine: AsyncEngine) -> None:
    """Let the pool have three connections."""
    three = [await engine.connect() for _ in range(3)]
    for connection in three:
        await connection.close()


@variant
async def in_turn(engine: AsyncEngine) -> dict[str, int]:
    """six uses of a pool with three connections, one after the other"""
    await fill(engine)
    used = set()
    for _ in range(6):
        async with engine.connect() as connection:
            used.add(await connection.scalar(PID))
    return {"backends used": len(used)}


@variant(engine={"pool_use_lifo": True})
async def last_first(engine: AsyncEngine) -> dict[str, int]:
    """the same with pool_use_lifo=True"""
    await fill(engine)
    used = set()
    for _ in range(6):
        async with engine.connect() as connection:
            used.add(await connection.scalar(PID))
    return {"backends used": len(used)}


def check(in_turn: Observation, last_first: Observation) -> None:
    assert in_turn.value == {"backends used": 3}
    assert last_first.value == {"backends used": 1}
    assert len(in_turn.sql) == len(last_first.sql) == 6


main = main_of(__name__)
