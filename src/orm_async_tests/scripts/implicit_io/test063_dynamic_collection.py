"""You cannot read a lazy="dynamic" collection under asyncio, but you can execute its `statement`.

With lazy="dynamic", a relationship is a legacy Query, whose method all() raises MissingGreenlet
(xd2s). Pass the attribute `statement` of a dynamic collection to session.scalars(). For new code,
use a write-only collection (test62).

Docs: https://docs.sqlalchemy.org/en/21/orm/large_collections.html#dynamic-relationship-loaders
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with "dynamic.py"
in the traceback.
"""

from typing import Any

from sqlalchemy import ForeignKey, MetaData, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, DynamicMapped, Mapped, mapped_column, relationship

from orm_async_tests.harness import Observation, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test63")


class Walk(Base):
    __tablename__ = "walk"
    id: Mapped[int] = mapped_column(primary_key=True)
    steps: DynamicMapped["Step"] = relationship()


class Step(Base):
    __tablename__ = "step"
    id: Mapped[int] = mapped_column(primary_key=True)
    walk_id: Mapped[int] = mapped_column(ForeignKey(Walk.id))


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(text("INSERT INTO test63.walk DEFAULT VALUES"))
    await connection.execute(text("INSERT INTO test63.step (walk_id) VALUES (1), (1)"))


@wrong
async def query(session: AsyncSession) -> dict[str, int]:
    """call walk.steps.all()"""
    walk = (await session.scalars(select(Walk))).one()
    return {"steps": len(walk.steps.all())}


@right
async def statement(session: AsyncSession) -> dict[str, int]:
    """execute walk.steps.statement with the session"""
    walk = (await session.scalars(select(Walk))).one()
    steps: Any = walk.steps.statement
    return {"steps": len((await session.scalars(steps)).all())}


def check(query: Observation, statement: Observation) -> None:
    assert query.code == "xd2s"
    assert statement.value == {"steps": 2}
    assert len(statement.sql) == 2


main = main_of(__name__)
