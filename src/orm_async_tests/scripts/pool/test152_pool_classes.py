"""An async engine refuses QueuePool (error code pcls), and uses AsyncAdaptedQueuePool by default.

QueuePool blocks its thread while it waits, so it would block the event loop of an async engine.
AsyncAdaptedQueuePool waits without blocking the event loop. NullPool and StaticPool never wait, so
they work with synchronous and async engines.

Docs: https://docs.sqlalchemy.org/en/21/errors.html#error-pcls
Symptom: you get ArgumentError (code pcls) "cannot be used with asyncio engine".
"""

from sqlalchemy import AsyncAdaptedQueuePool, NullPool, QueuePool, text

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong

SINCE = "2.0.28"
ALSO = "aiosqlite"
ANSWER = text("SELECT 42")


@wrong
async def queue_pool(make_engine: MakeEngine) -> dict[str, object]:
    """create an async engine with poolclass=QueuePool"""
    async with make_engine(poolclass=QueuePool).connect() as connection:
        return {"answer": await connection.scalar(ANSWER)}


@right
async def adapted_queue_pool(make_engine: MakeEngine) -> dict[str, object]:
    """create an async engine with poolclass=AsyncAdaptedQueuePool"""
    async with make_engine(poolclass=AsyncAdaptedQueuePool).connect() as connection:
        return {"answer": await connection.scalar(ANSWER)}


@right
async def no_pool(make_engine: MakeEngine) -> dict[str, object]:
    """create an async engine with poolclass=NullPool"""
    async with make_engine(poolclass=NullPool).connect() as connection:
        return {"answer": await connection.scalar(ANSWER)}


def check(queue_pool: Observation, adapted_queue_pool: Observation, no_pool: Observation) -> None:
    assert queue_pool.code == "pcls"
    assert adapted_queue_pool.value == no_pool.value == {"answer": 42}


main = main_of(__name__)
