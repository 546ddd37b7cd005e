"""A self-referential selectinload() loads one level, but recursion_depth=-1 loads the whole tree.

A loader option describes one step, from a parent to its children. If you load only one level,
reading the children of a child is a lazy load, which raises MissingGreenlet. With
recursion_depth=-1, SQLAlchemy sends one SELECT for every level, until a level is empty.

Docs: https://docs.sqlalchemy.org/en/21/orm/self_referential.html#configuring-self-referential-eager-loading
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_emit_lazyload" in the traceback.
"""

from sqlalchemy import ForeignKey, MetaData, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

from orm_async_tests.harness import Observation, main_of, right, wrong

DEPTH = 4


class Base(DeclarativeBase):
    metadata = MetaData(schema="test214")


class Region(Base):
    __tablename__ = "regions"

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    parts: Mapped[list["Region"]] = relationship()


async def seed(connection: AsyncConnection) -> None:
    rows = [{"id": level, "parent_id": level - 1 or None} for level in range(1, DEPTH + 1)]
    await connection.execute(insert(Region), rows)


def count_levels(region: Region) -> int:
    return 1 + sum(map(count_levels, region.parts))


ROOT = select(Region).where(Region.id == 1)


@wrong
async def one_level(session: AsyncSession) -> dict[str, int]:
    """load with selectinload(Region.parts)"""
    root = (await session.scalars(ROOT.options(selectinload(Region.parts)))).one()
    return {"levels": count_levels(root)}


@right
async def every_level(session: AsyncSession) -> dict[str, int]:
    """load with selectinload(Region.parts, recursion_depth=-1)"""
    option = selectinload(Region.parts, recursion_depth=-1)
    root = (await session.scalars(ROOT.options(option))).one()
    return {"levels": count_levels(root)}


def check(one_level: Observation, every_level: Observation) -> None:
    assert one_level.code == "xd2s"
    assert every_level.value == {"levels": DEPTH}
    assert len(every_level.sql) == 1 + DEPTH


main = main_of(__name__)
