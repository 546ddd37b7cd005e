"""What the pytest plugin costs a test that reads and writes a hundred objects on a warm pool.

One process has the plugin's listeners and another has none, since SQLAlchemy never forgets that an
engine had some; they take turns. For a hundred objects and for one. The goal is at most 1.05, by
CPU time (user and system), of which the plugin takes its part: it waits for nothing. Where a
process has its objects in memory is worth some percent by itself, so there are several of them.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import get_context
from typing import Any, NamedTuple

from sqlalchemy import URL, Identity, delete, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests import db
from orm_async_tests.pytest_plugin.watch import Scope, Watch
from orm_async_tests.pytest_plugin.wraps import watching

PAIRS, ROUNDS = 9, 23  # of processes: each has a layout of memory of its own, which counts too
TESTS = {100: 4, 1: 12}  # in a round, by the number of objects
GOAL = 1.05


class Took(NamedTuple):
    """Seconds."""

    cpu: float
    wall: float


class Base(DeclarativeBase):
    """Of the table that is made for this, and dropped."""


class Item(Base):
    """What a test works on."""

    __tablename__ = "items_of_bench_pytest_plugin"
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str]
    place: Mapped[str]


Round = tuple[Took, Took]  # without the plugin, and with it


def main() -> int:
    """Measure, print, and exit with 1 if the goal is missed."""
    rounds: dict[int, list[Round]] = {count: [] for count in TESTS}
    with db.open_database("embedded") as database:
        asyncio.run(prepare(database.url, drop=False))
        for _ in range(PAIRS):
            with (
                process(database.url, watched=False) as bare,
                process(database.url, watched=True) as on,
            ):
                for count in TESTS:
                    rounds[count] += run(bare, on, count)
        asyncio.run(prepare(database.url, drop=True))
    return int(max(ratio(count, each) for count, each in rounds.items()) > GOAL)


async def prepare(url: URL, *, drop: bool) -> None:
    """Make the table, or drop it."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        if not drop:
            await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()


def run(bare: Any, watched: Any, count: int) -> list[Round]:
    """Some rounds; who is first takes turns."""
    rounds = []
    for number in range(ROUNDS + 1):
        one = {}
        for each in (bare, watched) if number % 2 else (watched, bare):
            each.send(count)
            one[each] = each.recv()
        rounds.append((one[bare], one[watched]))  # near in time: a busy machine disturbs both
    return rounds[1:]


def ratio(count: int, rounds: list[Round]) -> float:
    """How much longer a test takes by CPU time; printed, and by wall time too."""
    cpu = statistics.median(watched.cpu / bare.cpu for bare, watched in rounds)
    wall = statistics.median(watched.wall / bare.wall for bare, watched in rounds)
    each = statistics.median(bare.cpu for bare, _ in rounds) / TESTS[count]
    print(f"{count} objects: ratio {cpu:.3f} of {each * 1e3:.2f} ms of CPU (goal {GOAL})", end=", ")
    print(f"{wall:.3f} of wall time (medians of {len(rounds)} pairs of {TESTS[count]} tests)")
    return cpu


@contextmanager
def process(url: URL, *, watched: bool) -> Iterator[Any]:
    """One that runs tests when it is told how many objects they have."""
    context = get_context("spawn")
    mine, its = context.Pipe()
    child = context.Process(target=serve, args=(its, url, watched), daemon=True)
    child.start()
    try:
        yield mine
    finally:
        mine.send(0)
        child.join()


def serve(pipe: Any, url: URL, watched: bool) -> None:
    """Run tests until there is nothing to do."""
    watch = Watch()
    with asyncio.Runner() as runner, watching(watch) if watched else nullcontext():
        engine = create_async_engine(url)
        while count := pipe.recv():
            pipe.send(runner.run(took(engine, watch, count)))
        runner.run(engine.dispose())


async def took(engine: AsyncEngine, watch: Watch, count: int) -> Took:
    """How long some tests take."""
    started = Took(time.process_time(), time.perf_counter())
    for number in range(TESTS[count]):
        watch.test = Scope(str(number))
        await tested(engine, count)
        assert watch.judge(watch.test) == []
    return Took(time.process_time() - started.cpu, time.perf_counter() - started.wall)


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
