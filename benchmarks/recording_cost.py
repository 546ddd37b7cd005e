"""Measures how much longer a task takes to get rows by primary key while its events are recorded.

A session gets one row again and again, in batches. The batches run alternately without and with the
recorder of the timeline. The recorder of SQL statements runs in all batches, because a script
always uses it. The program prints the medians of both kinds of batches, and the median of the
ratios of neighboring batches. The ratio of recording may be at most 1.1.
"""

import argparse
import asyncio
import gc
import statistics
import time
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from orm_async_tests import db
from orm_async_tests.harness.definitions.variants import Observation
from orm_async_tests.harness.environment.script_database import default_seed, open_script_database
from orm_async_tests.harness.report.phrasing import describe
from orm_async_tests.harness.wire import sql_log
from orm_async_tests.models import Base, User
from orm_async_tests.timeline.engine_hooks import record_events
from orm_async_tests.timeline.recording import Recorder

PAIRS, GETS = 80, 100
MAX_RATIO = 1.1


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the ratio. Return 1 if the ratio exceeds MAX_RATIO."""
    argparse.ArgumentParser(prog="recording", description=__doc__).parse_args(arguments)
    with db.open_database("embedded") as database:
        pairs = asyncio.run(measure(database))
    plain, recorded = (statistics.median(side) * 1e6 for side in zip(*pairs, strict=True))
    ratio = statistics.median(recorded / plain for plain, recorded in pairs)
    print(f"get by key {plain:.0f} µs, recorded {recorded:.0f} µs, ratio {ratio:.2f}", end="")
    print(f" (at most {MAX_RATIO}; medians of {PAIRS} pairs)")
    return int(ratio > MAX_RATIO)


async def measure(database: db.Database) -> list[tuple[float, float]]:
    """Return pairs of the seconds that one get takes without and with a recorder of events."""
    async with open_script_database(database) as scripts:
        await scripts.reset(Base, default_seed, {})
        engine = create_async_engine(database.url)
        gc.freeze()  # as before a script
        with sql_log.record_sql(Observation(), scripts.admin.sync_engine):
            await get_rows(engine)
            pairs = []
            for _ in range(PAIRS):
                plain = await get_rows(engine)
                recorder = Recorder(lambda path: path == __file__, "measure", describe)
                with record_events(recorder, scripts.admin.sync_engine):
                    pairs.append((plain, await get_rows(engine)))
        await engine.dispose()
    return pairs


async def get_rows(engine: AsyncEngine) -> float:
    async with AsyncSession(engine) as session:
        started = time.perf_counter()
        for _ in range(GETS):
            assert await session.get(User, 1, populate_existing=True)
        return (time.perf_counter() - started) / GETS
