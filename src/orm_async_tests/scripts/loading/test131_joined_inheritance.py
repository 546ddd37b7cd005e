"""With joined-table inheritance, an object costs one INSERT per table, but only one SELECT.

In joined-table inheritance, every class has its own table, and a query for a subclass joins these
tables. Single-table inheritance needs only one INSERT, but the columns of a subclass must allow
NULL.

Docs: https://docs.sqlalchemy.org/en/21/orm/inheritance.html
"""

from sqlalchemy import ForeignKey, MetaData, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, variant


class Base(DeclarativeBase):
    metadata = MetaData(schema="test131")


class Place(Base):
    __tablename__ = "places"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "place"}
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]


class Hut(Place):
    __tablename__ = "huts"
    __mapper_args__ = {"polymorphic_identity": "hut"}
    id: Mapped[int] = mapped_column(ForeignKey("test131.places.id"), primary_key=True)
    beds: Mapped[int]


class Spring(Place):
    __mapper_args__ = {"polymorphic_identity": "spring"}
    litres: Mapped[int | None]


@variant
async def joined_table(session: AsyncSession) -> dict[str, int]:
    """add and read a Hut object, whose class has its own table"""
    session.add(Hut(beds=12))
    await session.commit()
    session.expunge_all()
    return {"places read": len((await session.scalars(select(Hut))).all())}


@variant
async def single_table(session: AsyncSession) -> dict[str, int]:
    """add and read a Spring object, whose class uses the table of its parent class"""
    session.add(Spring(litres=3))
    await session.commit()
    session.expunge_all()
    return {"places read": len((await session.scalars(select(Spring))).all())}


def list_commands(run: Observation) -> list[str]:
    return [statement.split()[0] for statement in run.sql]


def check(joined_table: Observation, single_table: Observation) -> None:
    assert joined_table.value == single_table.value == {"places read": 1}
    assert list_commands(joined_table) == ["INSERT", "INSERT", "SELECT"]
    assert list_commands(single_table) == ["INSERT", "SELECT"]


main = main_of(__name__)
