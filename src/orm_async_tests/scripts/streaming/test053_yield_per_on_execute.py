"""Under asyncio, execute() with yield_per is an error: use stream().

The result of execute() is complete when the await returns, so there is nothing left to fetch in
partitions. The error AsyncMethodRequired tells you to use stream().

Docs: https://docs.sqlalchemy.org/en/21/core/connections.html#streaming-with-a-fixed-buffer-via-yield-per
Symptom: you get AsyncMethodRequired "with a server-side cursor".
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.ext.asyncio.exc import AsyncMethodRequired

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"
NAMES = select(User.username)


@wrong
async def yield_per(engine: AsyncEngine) -> dict[str, int]:
    """execute() with yield_per"""
    async with engine.connect() as connection:
        result = await connection.execute(NAMES, execution_options={"yield_per": 2})
        return {"rows": len(result.all())}


@wrong
async def stream_results(engine: AsyncEngine) -> dict[str, int]:
    """execute() with stream_results"""
    async with engine.connect() as connection:
        result = await connection.execute(NAMES, execution_options={"stream_results": True})
        return {"rows": len(result.all())}


@right
async def streamed(engine: AsyncEngine) -> dict[str, int]:
    """stream() with yield_per"""
    async with engine.connect() as connection:
        result = await connection.stream(NAMES, execution_options={"yield_per": 2})
        return {"rows": sum([len(rows) async for rows in result.partitions()])}


def check(yield_per: Observation, stream_results: Observation, streamed: Observation) -> None:
    assert isinstance(yield_per.error, AsyncMethodRequired)
    assert isinstance(stream_results.error, AsyncMethodRequired)
    assert streamed.value == {"rows": 3}


main = main_of(__name__)
