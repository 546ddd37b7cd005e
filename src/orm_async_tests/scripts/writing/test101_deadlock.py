"""In a deadlock, one of two tasks gets 40P01 and must run its whole transaction again.

In a deadlock, each of two tasks waits for a row that the other task has locked. After
deadlock_timeout, the server cancels one of the two deadlocked transactions.

Docs: https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-DEADLOCKS
Symptom: you get an error (SQLSTATE 40P01) "deadlock detected".
"""

import asyncio

from sqlalchemy import MetaData, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test101")


class Hut(Base):
    __tablename__ = "huts"
    id: Mapped[int] = mapped_column(primary_key=True)
    guests: Mapped[int]


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Hut), [{"guests": 0}, {"guests": 0}])


async def add_guests(
    Session: Sessions, huts: tuple[int, int], barrier: asyncio.Barrier | None
) -> None:
    async with Session() as session:
        for hut in huts:
            await session.execute(update(Hut).where(Hut.id == hut).values(guests=Hut.guests + 1))
            if barrier and hut == huts[0]:
                await barrier.wait()
        await session.commit()


async def run_with_retry(
    Session: Sessions, huts: tuple[int, int], barrier: asyncio.Barrier | None
) -> None:
    try:
        await add_guests(Session, huts, barrier)
    except DBAPIError:  # in your program: only for 40P01 and 40001, and with a limit
        await run_with_retry(Session, huts, None)  # without the barrier


@wrong
async def opposite_orders(Session: Sessions) -> list[object]:
    """two tasks lock two rows in opposite orders"""
    barrier = asyncio.Barrier(2)
    both = add_guests(Session, (1, 2), barrier), add_guests(Session, (2, 1), barrier)
    results = await asyncio.gather(*both, return_exceptions=True)
    return [getattr(getattr(error, "orig", None), "sqlstate", None) for error in results if error]


@right
async def with_retry(Session: Sessions) -> dict[str, list[int]]:
    """two tasks lock two rows in opposite orders, and the loser runs its transaction again"""
    barrier = asyncio.Barrier(2)
    await asyncio.gather(
        run_with_retry(Session, (1, 2), barrier), run_with_retry(Session, (2, 1), barrier)
    )
    async with Session() as session:
        return {"guests": list(await session.scalars(select(Hut.guests)))}


@right
async def one_order(Session: Sessions) -> dict[str, list[int]]:
    """two tasks lock two rows in the same order"""
    await asyncio.gather(*(add_guests(Session, (1, 2), None) for _ in range(2)))
    async with Session() as session:
        return {"guests": list(await session.scalars(select(Hut.guests)))}


def check(opposite_orders: Observation, with_retry: Observation, one_order: Observation) -> None:
    assert opposite_orders.value == ["40P01"]
    assert with_retry.value == one_order.value == {"guests": [2, 2]}


main = main_of(__name__)
