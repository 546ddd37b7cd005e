"""Since 2.1 error.driver_exception is the driver's own error: it names the rule.

On asyncpg `orig` is an error that SQLAlchemy's adapter made in the form of the DBAPI; what the
server said in detail is on the driver's error behind it. Before 2.1 that was orig.__cause__.

Docs: https://docs.sqlalchemy.org/en/21/core/exceptions.html#sqlalchemy.exc.DBAPIError
"""

from sqlalchemy import MetaData
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong

SINCE = "2.1"
ONLY = "asyncpg"


class Base(DeclarativeBase):
    metadata = MetaData(schema="test139")


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


async def add_twice(session: AsyncSession) -> None:
    session.add_all([Tag(name="alps"), Tag(name="alps")])
    await session.flush()


@wrong
async def ask_orig(session: AsyncSession) -> object:
    """ask `orig` for the constraint's name"""
    try:
        await add_twice(session)
    except IntegrityError as error:
        return getattr(error.orig, "constraint_name", "unknown")
    return None


@right
async def ask_the_driver(session: AsyncSession) -> object:
    """ask `driver_exception` for it"""
    try:
        await add_twice(session)
    except IntegrityError as error:
        return getattr(error.driver_exception, "constraint_name", "unknown")
    return None


def check(ask_orig: Observation, ask_the_driver: Observation) -> None:
    assert ask_orig.value == "unknown"
    assert ask_the_driver.value == "tags_name_key"


main = main_of(__name__)
