"""You can add to a write-only collection without loading it, but a loop over it raises TypeError.

The methods add() and add_all() of a write-only collection send nothing until the flush. The method
select() of a write-only collection returns a query that you can execute, even after a commit.

Docs: https://docs.sqlalchemy.org/en/21/orm/large_collections.html#write-only-relationship
Symptom: you get TypeError "WriteOnly collections don't support iteration".
"""

from collections.abc import Iterable
from typing import Any, cast

from sqlalchemy import ForeignKey, MetaData, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, WriteOnlyMapped, mapped_column, relationship

from orm_async_tests.harness import Observation, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test62")


class Walk(Base):
    __tablename__ = "walk"
    id: Mapped[int] = mapped_column(primary_key=True)
    steps: WriteOnlyMapped["Step"] = relationship(order_by="Step.id")


class Step(Base):
    __tablename__ = "step"
    id: Mapped[int] = mapped_column(primary_key=True)
    walk_id: Mapped[int] = mapped_column(ForeignKey(Walk.id))


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(text("INSERT INTO test62.walk DEFAULT VALUES"))
    await connection.execute(text("INSERT INTO test62.step (walk_id) VALUES (1), (1)"))


@wrong
async def iterated(session: AsyncSession) -> dict[str, int]:
    """loop over walk.steps with a plain `for`"""
    walk = (await session.scalars(select(Walk))).one()
    return {"steps": len(list(cast(Iterable[Any], walk.steps)))}


@right
async def added(session: AsyncSession) -> dict[str, int]:
    """call walk.steps.add(...), commit, and execute walk.steps.select()"""
    walk = (await session.scalars(select(Walk))).one()
    walk.steps.add(Step())
    await session.commit()
    return {"steps": len((await session.scalars(walk.steps.select())).all())}


def check(iterated: Observation, added: Observation) -> None:
    assert isinstance(iterated.error, TypeError)
    assert len(iterated.sql) == 1
    assert added.value == {"steps": 3}
    assert len(added.sql) == 4  # adding a step did not load the others


main = main_of(__name__)
