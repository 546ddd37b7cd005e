"""Without version_id_col, a writer can overwrite the change of a concurrent writer.

Two writers read the same object, compute a new value, and write the new value. Without
version_id_col, the second write wins, and nobody notices that the first write is lost. With
version_id_col, the second UPDATE matches no row, and StaleDataError tells the second writer to read
again.

Docs: https://docs.sqlalchemy.org/en/21/orm/versioning.html
Symptom: you get StaleDataError "expected to update 1 row(s); 0 were matched".
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
    """two sessions read the value, and both write the value plus 100"""
    async with Session() as one, Session() as two:
        first, second = await one.get_one(Plain, 1), await two.get_one(Plain, 1)
        first.metres += 100
        await one.commit()
        second.metres += 100
        await two.commit()
        await two.refresh(second)
        return {"metres": second.metres}


@right
async def with_a_version(Session: Sessions) -> dict[str, int]:
    """with version_id_col, two sessions write, and one of them reads again after StaleDataError"""
    async with Session() as one, Session() as two:
        first, second = await one.get_one(Versioned, 1), await two.get_one(Versioned, 1)
        first.metres += 100
        await one.commit()
        second.metres += 100
        try:
            await two.commit()
        except StaleDataError:
            await two.rollback()
            await two.refresh(second)
            second.metres += 100
            await two.commit()
        await two.refresh(second)
        return {"metres": second.metres}


def check(without_a_version: Observation, with_a_version: Observation) -> None:
    assert without_a_version.value == {"metres": 100}
    assert with_a_version.value == {"metres": 200}


main = main_of(__name__)
