"""Two tasks at work on one database never see each other's uncommitted rows.

One loads users, the other polls for username-30 and then adds that user's walk. They look
whenever both have flushed: a shared session shows a user who may never be committed.

Topic: streaming
Docs: https://docs.sqlalchemy.org/en/21/orm/session_basics.html#is-the-session-thread-safe-is-asyncsession-safe-to-share-in-concurrent-tasks
"""

from asyncio import TaskGroup
from collections import Counter
from contextlib import nullcontext
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests import walk
from orm_async_tests.harness import Meeting, Option, Seen, Sessions, main_of, right, wrong
from orm_async_tests.models import TrackPoint, User

OPTIONS = (
    Option("points", walk.number, "5000", "track points to add"),
    Option("pace", walk.pace, "0", "seconds between two batches, such as 1-5"),
)
WANTED = func.max(User.id).filter(User.username == "username-30")
LOOK_AT = {User: select(func.count(), WANTED), TrackPoint: select(func.count(TrackPoint.id))}
world = None


@wrong
async def one_session(session: AsyncSession, pace: walk.Pace) -> list[Any]:
    """both tasks use one session, and so one transaction"""
    return await share(lambda: nullcontext(session), 0, pace)


@right
async def own_sessions(Session: Sessions, points: int, pace: walk.Pace) -> list[Any]:
    """a session for each batch"""
    return await share(Session, points, pace)


async def share(Session: Sessions, points: int, pace: walk.Pace) -> list[Any]:
    meeting, committed, looks = Meeting(), Counter[Any](), list[Any]()

    async def look(session: AsyncSession, theirs: Any) -> Any:
        async with meeting:
            row = (await session.execute(LOOK_AT[theirs])).one()
            looks.append((theirs.__name__, committed[theirs], row[0]))
        return row[-1]

    async def add(mine: Any, batches: Any, theirs: Any) -> None:
        for batch in batches:
            async with Session() as session:
                session.add_all([mine(**row) for row in batch])
                await session.flush()
                await look(session, theirs)
                await session.commit()
            committed[mine] += len(batch)
            await walk.rest(pace)
        await meeting.leave()

    names = [{"username": f"username-{n}"} for n in range(1, 101)]
    async with TaskGroup() as tasks:
        tasks.create_task(add(User, (names[n : n + 10] for n in range(0, 100, 10)), TrackPoint))
        async with Session() as session:
            while not (user := await look(session, User)):
                continue
        await add(TrackPoint, walk.batches(points, 500, user_id=user), User)
    return looks


def check(one_session: Seen, own_sessions: Seen) -> None:
    assert any(visible > committed for _, committed, visible in one_session.value)
    assert all(visible == committed for _, committed, visible in own_sessions.value)
    overlap = {whose for whose, committed, _ in own_sessions.value if committed}
    assert overlap == {"User", "TrackPoint"}  # each saw the other's work grow


main = main_of(__name__)
