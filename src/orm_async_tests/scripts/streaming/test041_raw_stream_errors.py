"""stream() on asyncpg lets the driver's own error out; execute() wraps it.

What fails while the rows come should be sqlalchemy.exc.DBAPIError, whatever the driver:
code that is to run on both catches that, and reads the SQLSTATE. On asyncpg a stream raises
asyncpg's class instead. Until that changes, catch by SQLSTATE, or fetch by execute().

Docs: https://docs.sqlalchemy.org/en/21/core/exceptions.html#sqlalchemy.exc.DBAPIError
"""

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, Upstream, main_of, variant

DEFECT = Upstream(
    "what fails while the rows of a stream come is the driver's own error, and no DBAPIError",
    {"sqlalchemy": ">=2.0,<2.2", "asyncpg": ">=0.30,<0.33"},
    "https://github.com/sqlalchemy/sqlalchemy/blob/main/lib/sqlalchemy/dialects/postgresql/asyncpg.py",
    "wrong error",
)
FAILS_LATE = text("SELECT 1 / (5000 - n) FROM generate_series(1, 6000) n")
FAILS_AT_ONCE = text("SELECT 1 / (1 - n) FROM generate_series(1, 10) n")


@variant
async def executed(engine: AsyncEngine) -> int:
    """execute()"""
    async with engine.connect() as connection:
        return len((await connection.execute(FAILS_LATE)).all())


@variant
async def streamed(engine: AsyncEngine) -> int:
    """stream(), and the error comes while the rows do"""
    async with engine.connect() as connection:
        return len([row async for row in await connection.stream(FAILS_LATE)])


@variant
async def streamed_at_once(engine: AsyncEngine) -> int:
    """stream(), and the error comes with the first row"""
    async with engine.connect() as connection:
        return len([row async for row in await connection.stream(FAILS_AT_ONCE)])


def check(executed: Observation, streamed: Observation, streamed_at_once: Observation) -> None:
    every = (executed, streamed, streamed_at_once)
    assert {seen.sqlstate for seen in every} == {"22012"}  # division by zero
    assert isinstance(executed.error, DBAPIError)

    with DEFECT:
        assert isinstance(streamed.error, DBAPIError)
        assert isinstance(streamed_at_once.error, DBAPIError)


main = main_of(__name__)
