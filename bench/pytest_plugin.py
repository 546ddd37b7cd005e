"""What the pytest plugin costs a test that reads and writes a hundred objects on a warm pool.

With and without the plugin's listeners, interleaved in one process; prints the medians and the
ratio, of a hundred objects and of one. The goal is at most 1.05.
"""

import asyncio
import statistics
import time
from contextlib import nullcontext
from weakref import WeakKeyDictionary

from sqlalchemy import Identity, delete, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests import db
from orm_async_tests.pytest_plugin.watch import Scope, Watch
from orm_async_tests.pytest_plugin.wraps import watching

PAIRS, TESTS = 41, 10
GOAL = 1.05


class Base(DeclarativeBase):
    """Of the table that is made for this, and dropped."""


class Item(Base):
    """What a test works on."""

    __tablename__ = "items_of_bench_pytest_plugin"
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str]
    place: Mapped[str]


def main() -> int:
    """Measure, print, and exit with 1 if the goal is missed."""
    with db.open_database("embedded") as database:
        ratios = asyncio.run(measured(create_async_engine(database.url)))
    return int(max(ratios) > GOAL)


async def measured(engine: AsyncEngine) -> list[float]:
    """The ratios, each printed."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    ratios = [await ratio(engine, count) for count in (100, 1)]
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
    await engine.dispose()
    return ratios


async def ratio(engine: AsyncEngine, count: int) -> float:
    """The median of the interleaved pairs; the first of a pair takes turns."""
    pairs = []
    for number in range(PAIRS + 1):
        one = dict.fromkeys((True, False) if number % 2 else (False, True), 0.0)
        for watched in one:
            one[watched] = await seconds(engine, count, watched=watched)
        pairs.append(one)
    pairs = pairs[1:]
    with_it, without = (statistics.median(each[key] for each in pairs) for key in (True, False))
    found = statistics.median(each[True] / each[False] for each in pairs)
    print(f"{count} objects: {with_it * 1e3:.1f} ms with, {without * 1e3:.1f} ms without", end="")
    print(f", ratio {found:.3f} (goal {GOAL}; medians of {PAIRS} pairs of {TESTS} tests)")
    return found


async def seconds(engine: AsyncEngine, count: int, *, watched: bool) -> float:
    """How long some tests take."""
    watch = Watch()
    with watching(watch, WeakKeyDictionary()) if watched else nullcontext():
        started = time.perf_counter()
        for number in range(TESTS):
            watch.test = Scope(str(number))
            await tested(engine, count)
            assert watch.judge(watch.test) == []
        return time.perf_counter() - started


async def tested(engine: AsyncEngine, count: int) -> None:
    """Write, read, change and delete."""
    async with AsyncSession(engine) as session:
        session.add_all([Item(name=f"name {each}", place="here") for each in range(count)])
        await session.commit()
    async with AsyncSession(engine) as session:
        items = (await session.scalars(select(Item).order_by(Item.id))).all()
        items[0].name = "changed"
        await session.commit()
    async with AsyncSession(engine) as session:
        await session.execute(delete(Item))
        await session.commit()


if __name__ == "__main__":
    raise SystemExit(main())
