"""With synchronous_commit=remote_apply, COMMIT waits until the standby shows the transaction.

The primary must name the standby in its setting synchronous_standby_names. Use SET LOCAL
synchronous_commit only if a client reads the changes on the standby immediately after the commit.
While the standby is down, COMMIT with remote_apply waits.

Docs: https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT
"""

import asyncio

from sqlalchemy import URL, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import MakeEngine, Observation, Standby, main_of, right, wrong
from orm_async_tests.models import User

NEW = select(func.count(User.id)).where(User.username == "new")
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")


async def count_new(engine: AsyncEngine) -> int | None:
    async with AsyncSession(engine) as session:
        return await session.scalar(NEW)


@wrong
async def as_usual(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, object]:
    """pause the standby's replay, commit on the primary, and read from the standby"""
    standby.pause()
    async with AsyncSession(make_engine(primary_url)) as session, session.begin():
        session.add(User(username="new"))
    return {"rows": await count_new(make_engine(standby_url))}


@right
async def remote_apply(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, object]:
    """pause the standby's replay, and commit with synchronous_commit=remote_apply"""
    standby.pause()
    primary = make_engine(primary_url)

    async def write() -> None:
        async with AsyncSession(primary) as session, session.begin():
            await session.execute(text("SET LOCAL synchronous_commit = remote_apply"))
            session.add(User(username="new"))

    writing = asyncio.create_task(write())
    async with primary.connect() as connection:
        while not await connection.scalar(WAITING):
            await connection.rollback()  # pg_stat_activity does not change within a transaction
    before = await count_new(make_engine(standby_url))
    standby.resume()
    await writing
    return {"while COMMIT waited": before, "rows": await count_new(make_engine(standby_url))}


def check(as_usual: Observation, remote_apply: Observation) -> None:
    assert as_usual.value == {"rows": 0}
    assert remote_apply.value == {"while COMMIT waited": 0, "rows": 1}


main = main_of(__name__)
