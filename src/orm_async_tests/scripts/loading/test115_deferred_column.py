"""Reading a deferred column raises MissingGreenlet unless the query has undefer().

The setting deferred=True keeps a large column out of every SELECT. Reading a deferred column is a
lazy load, which raises MissingGreenlet under asyncio. Load a deferred column with undefer() in the
query, or later with refresh() or awaitable_attrs.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/columns.html
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"strategies.py" and "_load_scalar" in the traceback.
"""

from sqlalchemy import MetaData, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, undefer

from orm_async_tests.harness import Observation, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test115")


class Photo(Base):
    __tablename__ = "photos"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    data: Mapped[bytes] = mapped_column(deferred=True)


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Photo).values(title="summit", data=b"1234"))


@wrong
async def read_it(session: AsyncSession) -> dict[str, int]:
    """load a photo, then read its deferred data"""
    photo = (await session.scalars(select(Photo))).one()
    return {"bytes": len(photo.data)}


@right
async def undeferred(session: AsyncSession) -> dict[str, int]:
    """load a photo with undefer(), then read its data"""
    photo = (await session.scalars(select(Photo).options(undefer(Photo.data)))).one()
    return {"bytes": len(photo.data)}


@right
async def refreshed(session: AsyncSession) -> dict[str, int]:
    """load a photo, then load its deferred data with refresh()"""
    photo = (await session.scalars(select(Photo))).one()
    await session.refresh(photo, ["data"])
    return {"bytes": len(photo.data)}


def check(read_it: Observation, undeferred: Observation, refreshed: Observation) -> None:
    assert read_it.code == "xd2s"
    assert undeferred.value == refreshed.value == {"bytes": 4}
    assert (len(undeferred.sql), len(refreshed.sql)) == (1, 2)


main = main_of(__name__)
