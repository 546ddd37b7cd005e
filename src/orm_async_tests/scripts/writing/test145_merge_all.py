"""Since SQLAlchemy 2.1, merge_all() takes a list of objects and does not flush between the objects.

If you call merge() in a loop, the query of every call first flushes the previous object. The method
delete_all() replaces a loop that calls delete().

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncSession.delete_all
"""

from sqlalchemy import MetaData, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, Upstream, main_of, variant

SINCE = "2.1"
DEFECT = Upstream(
    "merge_all() flushes between its objects, as a loop over merge() does",
    {"sqlalchemy": ">=2.1,<2.1.7"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13715",
    "wrong result",
)


class Base(DeclarativeBase):
    metadata = MetaData(schema="test145")


class Hut(Base):
    __tablename__ = "huts"
    id: Mapped[int] = mapped_column(primary_key=True)
    beds: Mapped[int]


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Hut), [{"beds": 1}, {"beds": 2}, {"beds": 3}])


@variant
async def one_by_one(session: AsyncSession) -> dict[str, int | None]:
    """call merge() and delete() once for each of two objects"""
    huts = [await session.merge(hut) for hut in (Hut(id=1, beds=7), Hut(id=2, beds=8))]
    for hut in huts:
        await session.delete(hut)
    await session.commit()
    return {"remaining huts": await session.scalar(select(func.count(Hut.id)))}


@variant
async def all_at_once(session: AsyncSession) -> dict[str, int | None]:
    """call merge_all() and delete_all() with a list of two objects"""
    huts = await session.merge_all([Hut(id=1, beds=7), Hut(id=2, beds=8)])
    await session.delete_all(huts)
    await session.commit()
    return {"remaining huts": await session.scalar(select(func.count(Hut.id)))}


def commands(variant: Observation) -> list[str]:
    return [sql.split()[0] for sql in variant.sql]


def check(one_by_one: Observation, all_at_once: Observation) -> None:
    assert one_by_one.value == all_at_once.value == {"remaining huts": 1}
    assert commands(one_by_one) == ["SELECT", "UPDATE", "SELECT", "DELETE", "SELECT"]
    with DEFECT:
        assert commands(all_at_once) == ["SELECT", "SELECT", "DELETE", "SELECT"]


main = main_of(__name__)
