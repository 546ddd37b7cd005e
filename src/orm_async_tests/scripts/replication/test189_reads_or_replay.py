"""A standby cancels a long read, or delays the replay of changes until the read has ended.

The setting max_standby_streaming_delay limits how long a statement may block replay, by default 30
seconds. If max_standby_streaming_delay is 0, the standby immediately cancels a statement that
blocks replay. If max_standby_streaming_delay is -1, replay waits for every statement, so all
readers see older and older rows. Use a separate standby for reports, or run a cancelled report
again (test102).

Docs: https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-MAX-STANDBY-STREAMING-DELAY
Symptom: you get an error (SQLSTATE 40001) "canceling statement due to conflict with recovery".
"""

import asyncio

from sqlalchemy import URL, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import MakeEngine, Observation, Standby, main_of, variant
from orm_async_tests.models import TrackPoint, User

HOLD = select(func.pg_advisory_xact_lock(1))  # keeps the report waiting
REPORT = select(func.count(User.id), func.pg_advisory_xact_lock(1))
POINTS = select(func.count(TrackPoint.id))
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = :kind")


async def wait_for_lock_waiter(session: AsyncSession, kind: str) -> None:
    while not await session.scalar(WAITING, {"kind": kind}):
        pass  # every query is a round trip


async def change(primary: AsyncEngine) -> None:
    async with primary.begin() as connection:
        await connection.execute(text("ALTER TABLE users ADD COLUMN nickname text"))
        await connection.execute(text("DELETE FROM track_points"))


@variant(standby={"max_standby_streaming_delay": "0"})
async def cancelled(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> None:
    """with max_standby_streaming_delay=0, run a report while the primary alters the table"""
    reading = make_engine(standby_url)
    async with AsyncSession(reading) as holding, AsyncSession(reading) as reporting:
        await holding.execute(HOLD)
        report = asyncio.create_task(reporting.scalar(REPORT))
        await wait_for_lock_waiter(holding, "advisory")
        await change(make_engine(primary_url))
        standby.catch_up()
        await report


@variant(standby={"max_standby_streaming_delay": "-1"})
async def waited_for(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, int | None]:
    """with max_standby_streaming_delay=-1, run a report while the primary alters the table"""
    reading = make_engine(standby_url)
    async with AsyncSession(reading) as holding, AsyncSession(reading) as reporting:
        await holding.execute(HOLD)
        report = asyncio.create_task(reporting.scalar(REPORT))
        await wait_for_lock_waiter(holding, "advisory")
        await change(make_engine(primary_url))
        async with AsyncSession(reading) as other:
            await wait_for_lock_waiter(other, "relation")
            meanwhile = await other.scalar(POINTS)
            await holding.rollback()
            users = await report
            await reporting.rollback()
            standby.catch_up()
            after = await other.scalar(POINTS)
    return {"users": users, "points while it ran": meanwhile, "points afterwards": after}


def check(cancelled: Observation, waited_for: Observation) -> None:
    assert cancelled.sqlstate == "40001"
    assert not cancelled.error.connection_invalidated
    assert waited_for.value == {"users": 3, "points while it ran": 6, "points afterwards": 0}


main = main_of(__name__)
