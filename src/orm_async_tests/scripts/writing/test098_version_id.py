"""The first of two writers of an object is lost, unless it has a version_id_col.

Both read, both write what they computed: the second one wins, and nobody learns of it. With a
version the second UPDATE finds no row, and StaleDataError asks for a fresh read.

Symptom: StaleDataError "expected to update 1 row(s); 0 were matched"
Docs: https://docs.sqlalchemy.org/en/21/orm/versioning.html
"""

from sqlalchemy import MetaData, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.orm.exc import StaleDataError

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test98")
    id: Mapped[int] = mapped_column(primary_key=True)
    metres: Mapped[int]


class Plain(Base):
    __tablename__ = "plain"


class Versioned(Base):
    __tablename__ = "versioned"
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Plain).values(metres=0))
    await connection.execute(insert(Versioned).values(metres=0, version=1))


@wrong
async def without_a_version(Session: Sessions) -> dict[str, int]:
    """two sessions add 100 to what they have read"""
    async with Session() as one, Session() as two:
        mine, theirs = await one.get_one(Plain, 1), await two.get_one(Plain, 1)
        mine.metres += 100
        await one.commit()
        theirs.metres += 100
        await two.commit()
        await two.refresh(theirs)
        return {"metres": theirs.metres}


@right
async def with_a_version(Session: Sessions) -> dict[str, int]:
    """the same with a version_id_col: the second is told, reads again, and adds to that"""
    async with Session() as one, Session() as two:
        mine, theirs = await one.get_one(Versioned, 1), await two.get_one(Versioned, 1)
        mine.metres += 100
        await one.commit()
        theirs.metres += 100
        try:
            await two.commit()
        except StaleDataError:
            await two.rollback()
            await two.refresh(theirs)
            theirs.metres += 100
            await two.commit()
        await two.refresh(theirs)
        return {"metres": theirs.metres}


def check(without_a_version: Observation, with_a_version: Observation) -> None:
    assert without_a_version.value == {"metres": 100}
    assert with_a_version.value == {"metres": 200}


main = main_of(__name__)
