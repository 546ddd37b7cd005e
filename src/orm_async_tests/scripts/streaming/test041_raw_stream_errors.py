"""On asyncpg, a stream raises the driver's own error, but execute() raises a DBAPIError.

SQLAlchemy wraps the errors of a driver in sqlalchemy.exc.DBAPIError. On asyncpg, if an error occurs
while the rows of a stream arrive, the stream raises asyncpg's own exception. Catch asyncpg's
exception and check its SQLSTATE, or call execute() instead of stream().

Docs: https://docs.sqlalchemy.org/en/21/core/exceptions.html#sqlalchemy.exc.DBAPIError
"""

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, Upstream, main_of, variant

DEFECT = Upstream(
    "an error while rows of a stream arrive is not a DBAPIError",
    {"sqlalchemy": ">=2.0,<2.2", "asyncpg": ">=0.30,<0.33"},
    "https://github.com/sqlalchemy/sqlalchemy/blob/main/lib/sqlalchemy/dialects/postgresql/asyncpg.py",
    "wrong error",
)
FAILS_LATE = text("SELECT 1 / (5000 - n) FROM generate_series(1, 6000) n")
FAILS_AT_ONCE = text("SELECT 1 / (1 - n) FROM generate_series(1, 10) n")


@variant
async def executed(engine: AsyncEngine) -> int:
    """execute a query that fails"""
    async with engine.connect() as connection:
        return len((await connection.execute(FAILS_LATE)).all())


@variant
async def streamed(engine: AsyncEngine) -> int:
    """stream a query that fails after some rows"""
    async with engine.connect() as connection:
        return len([row async for row in await connection.stream(FAILS_LATE)])


@variant
async def streamed_at_once(engine: AsyncEngine) -> int:
    """stream a query that fails at its first row"""
    async with engine.connect() as connection:
        return len([row async for row in await connection.stream(FAILS_AT_ONCE)])


def check(executed: Observation, streamed: Observation, streamed_at_once: Observation) -> None:
    variants = (executed, streamed, streamed_at_once)
    assert {variant.sqlstate for variant in variants} == {"22012"}  # division by zero
    assert isinstance(executed.error, DBAPIError)

    with DEFECT:
        assert isinstance(streamed.error, DBAPIError)
        assert isinstance(streamed_at_once.error, DBAPIError)


main = main_of(__name__)
