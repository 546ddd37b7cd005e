"""Two tasks at work on one database never see each other's uncommitted rows.

One adds users; the other waits for username-30, then adds that user's walk. They take turns.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_basics.html#is-the-session-thread-safe-is-asyncsession-safe-to-share-in-concurrent-tasks
"""

from asyncio import Lock, gather
from collections import Counter

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests import walk
from orm_async_tests.harness import Observation, Option, Sessions, main_of, right, wrong
from orm_async_tests.models import Base, TrackPoint, User

OPTIONS = (
    Option("points", walk.parse_count, "5000", "track points to add"),
    Option("pace", walk.parse_pace, "0", "seconds between flush and commit, such as 1-5"),
)
seed = None


@wrong
async def one_session(session: AsyncSession, points: int, pace: walk.Pace) -> Counter[str]:
    """give both tasks one session, and so one transaction"""
    work = Work(pace)
    await gather(work.add_users(session), work.add_walk(session, points))
    return work.seen


@right
async def own_sessions(Session: Sessions, points: int, pace: walk.Pace) -> Counter[str]:
    """give each task a session of its own"""
    work = Work(pace)
    async with Session() as first, Session() as second:
        await gather(work.add_users(first), work.add_walk(second, points))
    return work.seen


class Work:
    def __init__(self, pace: walk.Pace) -> None:
        self.pace, self.turn = pace, Lock()
        self.committed, self.seen = Counter[type](), Counter[str]()

    async def add_users(self, session: AsyncSession) -> None:
        users = [User(username=f"username-{n}") for n in range(1, 101)]
        for start in range(0, 100, 10):
            await self.add(session, TrackPoint, *users[start : start + 10])

    async def add_walk(self, session: AsyncSession, points: int) -> None:
        user_id = None
        while user_id is None:
            async with self.turn:
                user_id = await session.scalar(select(User.id).filter_by(username="username-30"))
        for walked in walk.batch_rows(points, 500, user_id=user_id):
            await self.add(session, User, *(TrackPoint(**row) for row in walked))

    async def add(self, session: AsyncSession, other: type[User | TrackPoint], *rows: Base) -> None:
        async with self.turn:
            session.add_all(rows)
            await session.flush()
            await walk.pause(self.pace)
        async with self.turn:
            visible = await session.scalar(select(func.count(other.id))) or 0
            self.seen["uncommitted rows"] += visible - self.committed[other]
            self.seen["committed rows"] += self.committed[other]
            await session.commit()
            self.committed[type(rows[0])] += len(rows)


def check(one_session: Observation, own_sessions: Observation) -> None:
    assert one_session.value["uncommitted rows"] > 0
    assert own_sessions.value["uncommitted rows"] == 0
    assert own_sessions.value["committed rows"] > 0  # they did work side by side


main = main_of(__name__)
