"""Tasks with separate sessions never see each other's uncommitted rows.

In this script, one task adds users, and another task adds track points for one of these users.
After every batch, each task counts the rows of the other task, and the script adds up these counts.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_basics.html#is-the-session-thread-safe-is-asyncsession-safe-to-share-in-concurrent-tasks
"""

from asyncio import Lock, gather
from collections import Counter
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests import walk
from orm_async_tests.harness import Observation, Option, Sessions, at_least, main_of, right, wrong
from orm_async_tests.models import TrackPoint, User

USERS, USERS_IN_BATCH, POINTS_IN_BATCH = 100, 10, 500
WALKER = "username-30"
OPTIONS = (
    Option("points", at_least(1000), "5000", "track points to add, at least 1000"),
    Option("pace", walk.parse_pace, "0", "seconds between flush and commit, for example 1-5"),
)
seed = None


@wrong
async def one_session(session: AsyncSession, points: int, pace: walk.Pace) -> Counter[str]:
    """let two tasks share one session and its transaction"""
    work = Work(pace)
    await gather(work.add_users(session), work.add_walk(session, points))
    return work.visible


@right
async def two_sessions(Session: Sessions, points: int, pace: walk.Pace) -> Counter[str]:
    """give each task a session with its own transaction"""
    work = Work(pace)
    async with Session() as first, Session() as second:
        await gather(work.add_users(first), work.add_walk(second, points))
    return work.visible


class Work:
    def __init__(self, pace: walk.Pace) -> None:
        self.pace, self.turn = pace, Lock()
        self.committed, self.visible = Counter[type](), Counter[str]()

    async def add_users(self, session: AsyncSession) -> None:
        names = [{"username": f"username-{number}"} for number in range(1, USERS + 1)]
        for start in range(0, USERS, USERS_IN_BATCH):
            await self.add(session, User, names[start : start + USERS_IN_BATCH], TrackPoint)

    async def add_walk(self, session: AsyncSession, points: int) -> None:
        user_id = None
        while user_id is None:
            async with self.turn:
                user_id = await session.scalar(select(User.id).filter_by(username=WALKER))
        for rows in walk.batch_rows(points, POINTS_IN_BATCH, user_id=user_id):
            await self.add(session, TrackPoint, rows, User)

    async def add(self, session: AsyncSession, model: Any, rows: list[Any], other: Any) -> None:
        async with self.turn:
            await session.execute(insert(model), rows)
            await walk.pause(self.pace)
        async with self.turn:
            visible = await session.scalar(select(func.count(other.id))) or 0
            self.visible["uncommitted rows"] += visible - self.committed[other]
            self.visible["committed rows"] += self.committed[other]
            await session.commit()
            self.committed[model] += len(rows)


def check(one_session: Observation, two_sessions: Observation) -> None:
    assert one_session.value["uncommitted rows"] > 0
    assert two_sessions.value["uncommitted rows"] == 0
    assert two_sessions.value["committed rows"] > 0  # the tasks ran side by side


main = main_of(__name__)
