"""Two tasks that flush or commit the same session at the same time get errors.

While a session flushes, the session refuses another flush. If two tasks commit a session at the
same time, one task gets IllegalStateChangeError (isce), the other task gets ResourceClosedError,
and the changes are lost. Give every task its own session.

Docs: https://docs.sqlalchemy.org/en/21/errors.html#illegalstatechangeerror-and-concurrency-exceptions
Symptom: you get IllegalStateChangeError (code isce) "is already in progress and this would cause".
Symptom: you get InvalidRequestError "Session is already flushing".
Symptom: you get ResourceClosedError "This transaction is closed".
"""

from asyncio import gather
from typing import Any

from sqlalchemy.exc import IllegalStateChangeError, InvalidRequestError, ResourceClosedError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong
from orm_async_tests.models import User


@wrong
async def flushes(session: AsyncSession) -> Any:
    """flush one session in two tasks at the same time"""
    session.add(User(username="username-4"))
    return await gather(session.flush(), session.flush(), return_exceptions=True)


@wrong
async def commits(session: AsyncSession) -> Any:
    """commit one session in two tasks at the same time"""
    session.add(User(username="username-4"))
    return await gather(session.commit(), session.commit(), return_exceptions=True)


@right
async def session_per_task(Session: Sessions) -> Any:
    """commit two sessions in two tasks at the same time"""

    async def save(name: str) -> None:
        async with Session() as session:
            session.add(User(username=name))
            await session.commit()

    return await gather(save("username-4"), save("username-5"), return_exceptions=True)


def check(flushes: Observation, commits: Observation, session_per_task: Observation) -> None:
    assert [type(result) for result in flushes.value] == [type(None), InvalidRequestError]
    assert [type(result) for result in commits.value] == [
        ResourceClosedError,
        IllegalStateChangeError,
    ]
    assert commits.value[1].code == "isce"
    assert commits.log[-1] == "ROLLBACK"

    assert session_per_task.value == [None, None]
    assert session_per_task.log.count("COMMIT") == 2


main = main_of(__name__)
