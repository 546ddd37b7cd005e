"""Measures how much the timeline's recorder slows down a task.

In a batch, the task loads 50 rows, either in one session or in a new session for every row. A pair
of batches consists of one batch with the recorder and one batch without it. All batches record SQL
statements. The benchmark prints the median processor times, and the median ratio of the pairs. The
benchmark exits with 1 if a median ratio exceeds 1.1.
"""

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from orm_async_tests import db
from orm_async_tests.command_options import CommandParser
from orm_async_tests.harness.definitions.variants import Observation
from orm_async_tests.harness.environment.script_database import default_seed, open_script_database
from orm_async_tests.harness.report.phrasing import describe
from orm_async_tests.harness.wire import sql_log
from orm_async_tests.models import Base, User
from orm_async_tests.timeline.engine_hooks import record_events
from orm_async_tests.timeline.recording import Recorder

PAIRS, GETS = 80, 50
MAX_RATIO = 1.1
GetRows = Callable[[AsyncEngine], Awaitable[None]]


def main(arguments: Sequence[str] | None = None) -> int:
    CommandParser(prog="recording", description=__doc__).parse_args(arguments)
    with db.open_database("embedded") as database:
        ratios = [report(asyncio.run(measure(database, get)), get) for get in (one, many)]
    return int(max(ratios) > MAX_RATIO)


def report(pairs: Sequence[tuple[float, float]], get: GetRows) -> float:
    plain, recorded = (statistics.median(side) * 1e6 for side in zip(*pairs, strict=True))
    ratio = statistics.median(recorded / plain for plain, recorded in pairs)
    print(f"{get.__doc__} {plain:.0f} µs, recorded {recorded:.0f} µs, ratio {ratio:.2f}", end="")
    print(f" (at most {MAX_RATIO}; medians of {PAIRS} pairs)")
    return ratio


async def measure(database: db.Database, get: GetRows) -> list[tuple[float, float]]:
    """Return pairs of processor times per row in seconds: without and with the recorder."""
    async with open_script_database(database) as scripts:
        await scripts.reset(Base, default_seed, {})
        engine = create_async_engine(database.url)
        gc.freeze()  # as before a script
        with sql_log.record_sql(Observation(), scripts.admin.sync_engine):
            await time_gets(get, engine)
            pairs = []
            for number in range(PAIRS):
                before = await time_gets(get, engine) if number % 2 else 0.0
                recorder = Recorder(lambda path: path == __file__, "measure", describe)
                with record_events(recorder, scripts.admin.sync_engine):
                    recorded = await time_gets(get, engine)
                pairs.append((before or await time_gets(get, engine), recorded))
        await engine.dispose()
    return pairs


async def time_gets(get: GetRows, engine: AsyncEngine) -> float:
    started = time.process_time()
    await get(engine)
    return (time.process_time() - started) / GETS


async def one(engine: AsyncEngine) -> None:
    """get by key with one session"""
    async with AsyncSession(engine) as session:
        for _ in range(GETS):
            assert await session.get(User, 1, populate_existing=True)


async def many(engine: AsyncEngine) -> None:
    """get by key with a new session"""
    for _ in range(GETS):
        async with AsyncSession(engine) as session:
            assert await session.get(User, 1)
