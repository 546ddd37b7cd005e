"""What the pytest plugin costs a test that reads and writes a hundred objects on a warm pool.

With and without the plugin's listeners, interleaved in one process, for a hundred objects and for
one. The goal is at most 1.05.
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

PAIRS, TESTS = 61, 10
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
    """What is added to this process's CPU time, as a part of the whole; who is first takes turns.

    A test waits for the server besides, so that a busy machine disturbs wall time more than it
    tells. The plugin does nothing but compute.
    """
    pairs = []
    for number in range(PAIRS + 1):
        one = dict.fromkeys((True, False) if number % 2 else (False, True), (0.0, 0.0))
        for watched in one:
            one[watched] = await seconds(engine, count, watched=watched)
        pairs.append(one)
    added = statistics.median(each[True][0] - each[False][0] for each in pairs[1:])
    cpu, wall = (statistics.median(each[False][key] for each in pairs[1:]) for key in (0, 1))
    found = 1 + added / wall
    print(f"{count} objects: {added * 1e3:.2f} ms added to {wall * 1e3:.1f} ms", end=" ")
    print(f"({cpu * 1e3:.1f} ms of CPU), ratio {found:.3f}", end=" ")
    print(f"(goal {GOAL}; medians of {PAIRS} pairs of {TESTS} tests)")
    return found


async def seconds(engine: AsyncEngine, count: int, *, watched: bool) -> tuple[float, float]:
    """How long some tests take: CPU time, and wall time."""
    watch = Watch()
    with watching(watch, WeakKeyDictionary()) if watched else nullcontext():
        started = time.process_time(), time.perf_counter()
        for number in range(TESTS):
            watch.test = Scope(str(number))
            await tested(engine, count)
            assert watch.judge(watch.test) == []
        return time.process_time() - started[0], time.perf_counter() - started[1]


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
