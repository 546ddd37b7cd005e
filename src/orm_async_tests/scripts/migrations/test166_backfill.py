"""A backfill in one UPDATE locks every row until it ends, but a batch locks only its own rows.

While one UPDATE changes a large table, every writer waits until the UPDATE ends. A backfill in a
single UPDATE is lost as a whole if the UPDATE fails. With a transaction for every batch, an
interrupted backfill can continue. With SKIP LOCKED, a batch skips a row that a writer has locked.

Docs: https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
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
BATCH_IDS = MISSING.order_by(Walk.id).limit(BATCH).with_for_update(skip_locked=True).cte()
UNLOCKED = select(Walk.id).with_for_update(skip_locked=True)
BACKFILL = update(Walk).values(title=Walk.name).execution_options(synchronize_session=False)


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Walk), [{"name": f"walk {n}"} for n in range(ROWS)])


async def count_missing(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(MISSING.subquery())) or 0


async def count_unlocked(Session: Sessions) -> int:
    async with Session() as other:
        return len((await other.scalars(UNLOCKED)).all())


@wrong
async def at_once(session: AsyncSession, Session: Sessions) -> dict[str, int]:
    """update all rows in one UPDATE"""
    await session.execute(BACKFILL.where(Walk.title.is_(None)))
    least = await count_unlocked(Session)
    await session.commit()
    return {"fewest unlocked rows": least, "titles missing": await count_missing(session)}


@right
async def in_batches(session: AsyncSession, Session: Sessions) -> dict[str, int]:
    """update and commit a hundred rows at a time, until all rows have a title"""
    least = ROWS
    while await count_missing(session):
        await session.execute(BACKFILL.where(Walk.id == BATCH_IDS.c.id))
        least = min(least, await count_unlocked(Session))
        await session.commit()
    return {"fewest unlocked rows": least, "titles missing": await count_missing(session)}


def check(at_once: Observation, in_batches: Observation) -> None:
    assert at_once.value == {"fewest unlocked rows": 0, "titles missing": 0}
    assert in_batches.value == {"fewest unlocked rows": ROWS - BATCH, "titles missing": 0}
    assert in_batches.log.count("COMMIT") == ROWS // BATCH


main = main_of(__name__)
