"""After a commit on the primary, a standby lacks the new row until it has replayed the commit.

To read your own write, read from the primary. To read your write from a standby, wait until the
standby has replayed the position that pg_current_wal_lsn() returns on the primary. Do not wait for
pg_current_wal_insert_lsn(), because on an idle primary it may be ahead of every position that the
standby replays.

Docs: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-RECOVERY-CONTROL
"""

from sqlalchemy import URL, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import MakeEngine, Observation, Standby, main_of, right, wrong
from orm_async_tests.models import User

NEW = select(func.count(User.id)).where(User.username == "new")
REPLAYED = text("SELECT pg_last_wal_replay_lsn() >= CAST(:position AS pg_lsn)")


async def add(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session, session.begin():
        session.add(User(username="new"))


@wrong
async def at_once(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, object]:
    """pause the standby's replay, commit on the primary, and read from the standby"""
    standby.pause()
    await add(make_engine(primary_url))
    async with AsyncSession(make_engine(standby_url)) as session:
        return {"rows": await session.scalar(NEW)}


@right
async def from_the_primary(
    make_engine: MakeEngine, primary_url: URL, standby: Standby
) -> dict[str, object]:
    """pause the standby's replay, commit on the primary, and read from the primary"""
    standby.pause()
    primary = make_engine(primary_url)
    await add(primary)
    async with AsyncSession(primary) as session:
        return {"rows": await session.scalar(NEW)}


@right
async def when_replayed(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, object]:
    """commit on the primary, and wait until the standby has replayed the commit"""
    standby.pause()
    primary = make_engine(primary_url)
    await add(primary)
    async with AsyncSession(primary) as session:
        commit = {"position": await session.scalar(select(func.pg_current_wal_lsn()))}
    async with AsyncSession(make_engine(standby_url)) as session:
        is_behind = not await session.scalar(REPLAYED, commit)
        standby.resume()
        while not await session.scalar(REPLAYED, commit):
            pass  # every query is a round trip; in a program, wait between two queries
        return {"was behind": is_behind, "rows": await session.scalar(NEW)}


def check(at_once: Observation, from_the_primary: Observation, when_replayed: Observation) -> None:
    assert at_once.value == {"rows": 0}
    assert from_the_primary.value == {"rows": 1}
    assert when_replayed.value == {"was behind": True, "rows": 1}


main = main_of(__name__)
