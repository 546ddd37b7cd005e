"""If asyncpg's prepared statement is stale, reading error.driver_exception raises ValueError.

SQLAlchemy 2.1 looks up the driver's error in a list of classes, which lacks the class for a stale
prepared statement. If a prepared statement is stale, an error handler that reads driver_exception
gets a second error. To get the driver's error on SQLAlchemy 2.0 and 2.1, read
`error.orig.__cause__`.

Docs: https://docs.sqlalchemy.org/en/21/core/exceptions.html#sqlalchemy.exc.DBAPIError
Symptom: you get ValueError "No original exception is present".
"""

from sqlalchemy import MetaData, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import MakeEngine, Observation, Upstream, main_of, right, wrong

SINCE = "2.1"
ONLY = "asyncpg"
STALE = "InvalidCachedStatementError"
ALTER = text("ALTER TABLE test140.huts ALTER COLUMN height TYPE real")
DEFECT = Upstream(
    "driver_exception raises ValueError for the error of a stale statement",
    {"sqlalchemy": ">=2.1,<2.2", "asyncpg": ">=0.30,<0.33"},
    "https://docs.sqlalchemy.org/en/21/core/exceptions.html#sqlalchemy.exc.DBAPIError",
    "wrong error",
)


class Base(DeclarativeBase):
    metadata = MetaData(schema="test140")


class Hut(Base):
    __tablename__ = "huts"
    id: Mapped[int] = mapped_column(primary_key=True)
    height: Mapped[int]


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Hut).values(height=1))


async def fail_stale(reading: AsyncEngine, altering: AsyncEngine) -> DBAPIError:
    async with reading.connect() as connection:
        await connection.scalar(select(Hut.height))
        await connection.commit()
        async with altering.begin() as other:
            await other.execute(ALTER)
        try:
            await connection.scalar(select(Hut.height))
        except DBAPIError as error:
            return error
    raise AssertionError


@wrong
async def driver_exception(engine: AsyncEngine, make_engine: MakeEngine) -> str:
    """read error.driver_exception"""
    return type((await fail_stale(engine, make_engine())).driver_exception).__name__


@right
async def cause_of_orig(engine: AsyncEngine, make_engine: MakeEngine) -> str:
    """read error.orig.__cause__"""
    error = await fail_stale(engine, make_engine())
    return type(getattr(error.orig, "__cause__", None)).__name__


def check(driver_exception: Observation, cause_of_orig: Observation) -> None:
    assert cause_of_orig.value == STALE
    assert isinstance(driver_exception.error, ValueError) or driver_exception.value == STALE
    with DEFECT:
        assert driver_exception.value == STALE


main = main_of(__name__)
