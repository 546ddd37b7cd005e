"""Since 2.1 merge_all() takes a list, and flushes nothing between its objects.

merge() in a loop asks for the next object by a query, which first flushes the last one. merge_all()
asks for all of them before the flush; delete_all() is its twin for delete(). Both cross the bridge
once instead of once for each object.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncSession.delete_all
"""

from sqlalchemy import MetaData, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, Upstream, main_of, variant

SINCE = "2.1"
DEFECT = Upstream(
    "merge_all() flushes between its objects, as merge() in a loop does",
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
    """merge() two objects, delete() them, each with an await"""
    huts = [await session.merge(each) for each in (Hut(id=1, beds=7), Hut(id=2, beds=8))]
    for hut in huts:
        await session.delete(hut)
    await session.commit()
    return {"huts left": await session.scalar(select(func.count(Hut.id)))}


@variant
async def all_at_once(session: AsyncSession) -> dict[str, int | None]:
    """merge_all() and delete_all() them"""
    huts = await session.merge_all([Hut(id=1, beds=7), Hut(id=2, beds=8)])
    await session.delete_all(huts)
    await session.commit()
    return {"huts left": await session.scalar(select(func.count(Hut.id)))}


def kinds(seen: Observation) -> list[str]:
    return [each.split()[0] for each in seen.sql]


def check(one_by_one: Observation, all_at_once: Observation) -> None:
    assert one_by_one.value == all_at_once.value == {"huts left": 1}
    assert kinds(one_by_one) == ["SELECT", "UPDATE", "SELECT", "DELETE", "SELECT"]
    with DEFECT:
        assert kinds(all_at_once) == ["SELECT", "SELECT", "DELETE", "SELECT"]


main = main_of(__name__)
