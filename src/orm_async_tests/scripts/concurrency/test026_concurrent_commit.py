"""Two tasks that flush or commit one session at the same time get errors.

A session that is flushing refuses another flush. A session that is committing refuses any other
call: the second task gets error isce, and the first one may fail as well. Use one session, and so
one transaction, per task.

Symptom: IllegalStateChangeError isce "is already in progress and this would cause"
Symptom: InvalidRequestError "Session is already flushing"
Docs: https://docs.sqlalchemy.org/en/21/errors.html#illegalstatechangeerror-and-concurrency-exceptions
"""

from asyncio import gather
from typing import Any

from sqlalchemy.exc import IllegalStateChangeError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong
from orm_async_tests.models import User


@wrong
async def flushes(session: AsyncSession) -> Any:
    """two flushes of one session"""
    session.add(User(username="username-4"))
    return await gather(session.flush(), session.flush(), return_exceptions=True)


@wrong
async def commits(session: AsyncSession) -> Any:
    """two commits of one session"""
    session.add(User(username="username-4"))
    return await gather(session.commit(), session.commit(), return_exceptions=True)


@right
async def session_per_task(Session: Sessions) -> Any:
    """two tasks, two sessions"""

    async def save(name: str) -> None:
        async with Session() as session:
            session.add(User(username=name))
            await session.commit()

    return await gather(save("username-4"), save("username-5"), return_exceptions=True)


def check(flushes: Observation, commits: Observation, session_per_task: Observation) -> None:
    assert [type(result) for result in flushes.value] == [type(None), InvalidRequestError]
    assert type(commits.value[1]) is IllegalStateChangeError
    assert commits.value[1].code == "isce"

    assert session_per_task.value == [None, None]
    assert session_per_task.log.count("COMMIT") == 2


main = main_of(__name__)
