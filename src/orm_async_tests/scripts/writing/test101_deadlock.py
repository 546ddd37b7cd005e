"""Of two tasks in a deadlock one gets 40P01, and has to run its transaction again.

Each holds the row that the other wants, and after deadlock_timeout the server ends one of them.

Symptom: 40P01 "deadlock detected"
Docs: https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-DEADLOCKS
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


async def add_guests(Session: Sessions, huts: tuple[int, int], met: asyncio.Barrier | None) -> None:
    async with Session() as session:
        for hut in huts:
            await session.execute(update(Hut).where(Hut.id == hut).values(guests=Hut.guests + 1))
            if met and hut == huts[0]:
                await met.wait()
        await session.commit()


async def try_again(Session: Sessions, huts: tuple[int, int], met: asyncio.Barrier | None) -> None:
    try:
        await add_guests(Session, huts, met)
    except DBAPIError:  # only for 40P01 and 40001, in a program, and not for ever
        await try_again(Session, huts, None)  # the same two may meet again


@wrong
async def opposite_orders(Session: Sessions) -> list[object]:
    """two tasks lock two rows in opposite orders"""
    met = asyncio.Barrier(2)
    both = add_guests(Session, (1, 2), met), add_guests(Session, (2, 1), met)
    ended = await asyncio.gather(*both, return_exceptions=True)
    return [getattr(getattr(each, "orig", None), "sqlstate", None) for each in ended if each]


@right
async def and_try_again(Session: Sessions) -> dict[str, list[int]]:
    """the same, and the loser runs its whole transaction again"""
    met = asyncio.Barrier(2)
    await asyncio.gather(try_again(Session, (1, 2), met), try_again(Session, (2, 1), met))
    async with Session() as session:
        return {"guests": list(await session.scalars(select(Hut.guests)))}


@right
async def one_order(Session: Sessions) -> dict[str, list[int]]:
    """two tasks lock two rows in the same order"""
    await asyncio.gather(*(add_guests(Session, (1, 2), None) for _ in range(2)))
    async with Session() as session:
        return {"guests": list(await session.scalars(select(Hut.guests)))}


def check(opposite_orders: Observation, and_try_again: Observation, one_order: Observation) -> None:
    assert opposite_orders.value == ["40P01"]
    assert and_try_again.value == one_order.value == {"guests": [2, 2]}


main = main_of(__name__)
