"""Right after a commit a standby may not have the row: wait for its position.

Replication is asynchronous: what was committed on the primary is there once the standby has
replayed it, which a pause holds back here. Who must see the own write reads from the primary, or
waits until the standby has replayed pg_current_wal_lsn(), asked after the commit. The position is
an int on asyncpg and a str on psycopg: let the server compare. pg_current_wal_insert_lsn() may be
ahead of all that is replayed while nobody writes.

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
    """replay is held back; commit on the primary, read from the standby"""
    standby.pause()
    await add(make_engine(primary_url))
    async with AsyncSession(make_engine(standby_url)) as session:
        return {"rows found": await session.scalar(NEW)}


@right
async def from_the_primary(
    make_engine: MakeEngine, primary_url: URL, standby: Standby
) -> dict[str, object]:
    """the same, but read from the primary"""
    standby.pause()
    primary = make_engine(primary_url)
    await add(primary)
    async with AsyncSession(primary) as session:
        return {"rows found": await session.scalar(NEW)}


@right
async def when_replayed(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, object]:
    """the same, but ask the standby until it has replayed the primary's position"""
    standby.pause()
    primary = make_engine(primary_url)
    await add(primary)
    async with AsyncSession(primary) as session:
        commit = {"position": await session.scalar(select(func.pg_current_wal_lsn()))}
    async with AsyncSession(make_engine(standby_url)) as session:
        behind = not await session.scalar(REPLAYED, commit)
        standby.resume()
        while not await session.scalar(REPLAYED, commit):
            pass  # each question is a round trip; a program waits longer between two
        return {"was behind": behind, "rows found": await session.scalar(NEW)}


def check(at_once: Observation, from_the_primary: Observation, when_replayed: Observation) -> None:
    assert at_once.value == {"rows found": 0}
    assert from_the_primary.value == {"rows found": 1}
    assert when_replayed.value == {"was behind": True, "rows found": 1}


main = main_of(__name__)
