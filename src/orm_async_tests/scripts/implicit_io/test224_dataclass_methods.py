"""__repr__ and == of a mapped dataclass raise MissingGreenlet if a field is not loaded.

MappedAsDataclass generates __repr__ and __eq__ from all fields, including relationships. Printing
or comparing mapped dataclasses loads their relationships lazily. To exclude a relationship from
__repr__ and __eq__, declare it with repr=False and compare=False.

Docs: https://docs.sqlalchemy.org/en/21/orm/dataclasses.html#declarative-dataclass-mapping
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_emit_lazyload" and "in __repr__" in the traceback.
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_emit_lazyload" and "in __eq__" in the traceback.
"""

from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column, relationship

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong


class Base(MappedAsDataclass, DeclarativeBase):
    metadata = MetaData(schema="test224")


class Walk(Base):
    __tablename__ = "walks"

    id: Mapped[int] = mapped_column(primary_key=True)
    walk_id: Mapped[int | None] = mapped_column(ForeignKey("test224.walks.id"), default=None)
    parts: Mapped[list["Walk"]] = relationship(default_factory=list)


class Tour(Base):
    __tablename__ = "tours"

    id: Mapped[int] = mapped_column(primary_key=True)
    tour_id: Mapped[int | None] = mapped_column(ForeignKey("test224.tours.id"), default=None)
    parts: Mapped[list["Tour"]] = relationship(default_factory=list, repr=False, compare=False)


async def seed(connection: AsyncConnection) -> None:
    for table in Base.metadata.sorted_tables:
        await connection.execute(table.insert().values(id=1))


@wrong
async def repr_of_all(session: AsyncSession) -> str:
    """print an object whose relationship is not loaded"""
    return f"walked {await session.get_one(Walk, 1)}"


@right
async def repr_of_columns(session: AsyncSession) -> str:
    """print an object whose relationship has repr=False"""
    return f"walked {await session.get_one(Tour, 1)}"


@wrong
async def compare_all(Session: Sessions) -> dict[str, bool]:
    """compare two objects whose relationship is not loaded"""
    async with Session() as one, Session() as two:
        return {"equal": await one.get_one(Walk, 1) == await two.get_one(Walk, 1)}


@right
async def compare_columns(Session: Sessions) -> dict[str, bool]:
    """compare two objects whose relationship has compare=False"""
    async with Session() as one, Session() as two:
        return {"equal": await one.get_one(Tour, 1) == await two.get_one(Tour, 1)}


def check(
    repr_of_all: Observation,
    repr_of_columns: Observation,
    compare_all: Observation,
    compare_columns: Observation,
) -> None:
    assert repr_of_all.code == compare_all.code == "xd2s"
    assert repr_of_columns.value == "walked Tour(id=1, tour_id=None)"
    assert compare_columns.value == {"equal": True}


main = main_of(__name__)
