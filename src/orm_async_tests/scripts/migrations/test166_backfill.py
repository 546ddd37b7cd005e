"""A backfill in one UPDATE locks every row until its end; batches lock a few.

One UPDATE of a large table makes each writer wait for all of it, and an error undoes it all.
Batches with transactions of their own keep what is done, so a backfill that was ended goes on
where it stopped. SKIP LOCKED goes around a row that a writer holds, and a later batch finds it.

Docs: https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
Docs: https://www.postgresql.org/docs/current/sql-update.html
"""

from sqlalchemy import MetaData, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong

ROWS, BATCH = 1000, 100


class Base(DeclarativeBase):
    metadata = MetaData(schema="test166")


class Walk(Base):
    __tablename__ = "walks"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    title: Mapped[str | None]


MISSING = select(Walk.id).where(Walk.title.is_(None))
SOME = MISSING.order_by(Walk.id).limit(BATCH).with_for_update(skip_locked=True).cte()
FREE = select(Walk.id).with_for_update(skip_locked=True)
BACKFILL = update(Walk).values(title=Walk.name).execution_options(synchronize_session=False)


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Walk), [{"name": f"walk {n}"} for n in range(ROWS)])


async def missing(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(MISSING.subquery())) or 0


async def free(Session: Sessions) -> int:
    """How many rows somebody else could change now."""
    async with Session() as other:
        return len((await other.scalars(FREE)).all())


@wrong
async def at_once(session: AsyncSession, Session: Sessions) -> dict[str, int]:
    """one UPDATE. How many rows are free at the worst moment, how many still without a title?"""
    await session.execute(BACKFILL.where(Walk.title.is_(None)))
    least = await free(Session)
    await session.commit()
    return {"rows free": least, "titles missing": await missing(session)}


@right
async def in_batches(session: AsyncSession, Session: Sessions) -> dict[str, int]:
    """an UPDATE and a commit for each hundred rows, until none is left"""
    least = ROWS
    while await missing(session):
        await session.execute(BACKFILL.where(Walk.id == SOME.c.id))
        least = min(least, await free(Session))
        await session.commit()
    return {"rows free": least, "titles missing": await missing(session)}


def check(at_once: Observation, in_batches: Observation) -> None:
    assert at_once.value == {"rows free": 0, "titles missing": 0}
    assert in_batches.value == {"rows free": ROWS - BATCH, "titles missing": 0}
    assert in_batches.log.count("COMMIT") == ROWS // BATCH


main = main_of(__name__)
