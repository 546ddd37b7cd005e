"""Deleting a parent loads its children, unless the relationship has passive_deletes=True.

By default, the session loads the children of a deleted parent, and deletes the children before the
parent. If the foreign key has ON DELETE CASCADE and you set passive_deletes=True, one DELETE of the
parent is enough.

Docs: https://docs.sqlalchemy.org/en/21/orm/cascades.html#passive-deletes
"""

from sqlalchemy import ForeignKey, MetaData, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from orm_async_tests.harness import Observation, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test103")
    id: Mapped[int] = mapped_column(primary_key=True)


class Stage(Base):
    __tablename__ = "stages"
    tour_id: Mapped[int | None] = mapped_column(ForeignKey("test103.tours.id", ondelete="CASCADE"))


class Tour(Base):
    __tablename__ = "tours"
    stages: Mapped[list[Stage]] = relationship(cascade="all, delete-orphan")


class PassiveTour(Base):
    __table__ = Tour.__table__
    stages: Mapped[list[Stage]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, overlaps="stages"
    )


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Tour))
    await connection.execute(insert(Stage), [{"tour_id": 1} for _ in range(3)])


@wrong
async def by_the_session(session: AsyncSession) -> dict[str, int | None]:
    """delete a tour with three stages"""
    await session.delete(await session.get_one(Tour, 1))
    await session.commit()
    return {"remaining stages": await session.scalar(select(func.count(Stage.id)))}


@right
async def by_the_server(session: AsyncSession) -> dict[str, int | None]:
    """delete a tour with three stages, with passive_deletes=True"""
    await session.delete(await session.get_one(PassiveTour, 1))
    await session.commit()
    return {"remaining stages": await session.scalar(select(func.count(Stage.id)))}


def commands(variant: Observation) -> list[str]:
    return [sql.split()[0] for sql in variant.sql]


def check(by_the_session: Observation, by_the_server: Observation) -> None:
    assert by_the_session.value == by_the_server.value == {"remaining stages": 0}
    assert commands(by_the_session) == ["SELECT", "SELECT", "DELETE", "DELETE", "SELECT"]
    assert commands(by_the_server) == ["SELECT", "DELETE", "SELECT"]


main = main_of(__name__)
