"""Since SQLAlchemy 2.1, error.driver_exception is the driver's error, with all details.

On asyncpg, `error.orig` is an error of SQLAlchemy's adapter. Only asyncpg's own error has the
details from the server, for example the name of the constraint. Before SQLAlchemy 2.1, read
asyncpg's error from `error.orig.__cause__`.

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
async def from_orig(session: AsyncSession) -> object:
    """read the constraint's name from `error.orig`"""
    try:
        await add_twice(session)
    except IntegrityError as error:
        return getattr(error.orig, "constraint_name", "unknown")
    return None


@right
async def from_driver_exception(session: AsyncSession) -> object:
    """read the constraint's name from `error.driver_exception`"""
    try:
        await add_twice(session)
    except IntegrityError as error:
        return getattr(error.driver_exception, "constraint_name", "unknown")
    return None


def check(from_orig: Observation, from_driver_exception: Observation) -> None:
    assert from_orig.value == "unknown"
    assert from_driver_exception.value == "tags_name_key"


main = main_of(__name__)
