"""The pool rotates its connections, but with pool_use_lifo=True it reuses the one returned last.

Because the default pool rotates its connections, none of them is idle for long. With
pool_use_lifo=True, the pool prefers the connection that was returned last, so the other connections
may be idle for a long time. Together, pool_use_lifo=True and pool_pre_ping=True let the pool shrink
when there is little work.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#using-fifo-vs-lifo
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, variant

PID = text("SELECT pg_backend_pid()")


async def fill(engine: AsyncEngine) -> None:
    connections = [await engine.connect() for _ in range(3)]
    for connection in connections:
        await connection.close()


@variant
async def rotating(engine: AsyncEngine) -> dict[str, int]:
    """use a pool of three connections six times in a row"""
    await fill(engine)
    used = set()
    for _ in range(6):
        async with engine.connect() as connection:
            used.add(await connection.scalar(PID))
    return {"backends used": len(used)}


@variant(engine={"pool_use_lifo": True})
async def last_in_first_out(engine: AsyncEngine) -> dict[str, int]:
    """use a pool of three connections six times in a row, with pool_use_lifo=True"""
    await fill(engine)
    used = set()
    for _ in range(6):
        async with engine.connect() as connection:
            used.add(await connection.scalar(PID))
    return {"backends used": len(used)}


def check(rotating: Observation, last_in_first_out: Observation) -> None:
    assert rotating.value == {"backends used": 3}
    assert last_in_first_out.value == {"backends used": 1}
    assert len(rotating.sql) == len(last_in_first_out.sql) == 6


main = main_of(__name__)
