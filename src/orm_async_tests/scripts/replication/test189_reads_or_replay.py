"""A long read on a standby is cancelled, or it holds back replay for everybody.

max_standby_streaming_delay says how long a running statement may be in the way of what the primary
has locked or removed. At 0 it is cancelled at once, and its connection stays; at -1 replay waits
for it, and others read older and older rows. The default is 30 seconds. Give reports a standby of
their own, or run them again as after a serialization failure (test102).

Symptom: 40001 "canceling statement due to conflict with recovery"
Docs: https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-MAX-STANDBY-STREAMING-DELAY
"""

import asyncio

from sqlalchemy import URL, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import MakeEngine, Observation, Standby, main_of, variant
from orm_async_tests.models import TrackPoint, User

HOLD = select(func.pg_advisory_xact_lock(1))  # the report waits for this, and so is long
REPORT = select(func.count(User.id), func.pg_advisory_xact_lock(1))
POINTS = select(func.count(TrackPoint.id))
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = :kind")


async def until_waiting(session: AsyncSession, kind: str) -> None:
    while not await session.scalar(WAITING, {"kind": kind}):
        pass  # each question is a round trip


async def change(primary: AsyncEngine) -> None:
    async with primary.begin() as connection:
        await connection.execute(text("ALTER TABLE users ADD COLUMN nickname text"))
        await connection.execute(text("DELETE FROM track_points"))


@variant(standby={"max_standby_streaming_delay": "0"})
async def cancelled(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> None:
    """0: a report runs on the standby while the primary alters its table"""
    reading = make_engine(standby_url)
    async with AsyncSession(reading) as holding, AsyncSession(reading) as reporting:
        await holding.execute(HOLD)
        report = asyncio.create_task(reporting.scalar(REPORT))
        await until_waiting(holding, "advisory")
        await change(make_engine(primary_url))
        standby.catch_up()
        await report


@variant(standby={"max_standby_streaming_delay": "-1"})
async def waited_for(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, int | None]:
    """-1: the same; the primary has deleted all points too"""
    reading = make_engine(standby_url)
    async with AsyncSession(reading) as holding, AsyncSession(reading) as reporting:
        await holding.execute(HOLD)
        report = asyncio.create_task(reporting.scalar(REPORT))
        await until_waiting(holding, "advisory")
        await change(make_engine(primary_url))
        async with AsyncSession(reading) as other:
            await until_waiting(other, "relation")
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
