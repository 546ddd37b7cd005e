"""If you change an object after its session is closed, the change is lost.

When you close a session, its objects are detached. No session knows about a detached object, so no
flush sends the object's changes, and you get no error. With add(), you attach a detached object and
its changes to another session. With merge(), you copy the changes of a detached object to an object
of another session.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_state_management.html
Symptom: you get InvalidRequestError "is not persistent within this Session".
"""

from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong
from orm_async_tests.models import User

SELECT_NAME = select(User.username).where(User.id == 1)


async def load(Session: Sessions) -> User:
    async with Session() as session:
        return await session.get_one(User, 1)


@wrong
async def only_changed(Session: Sessions) -> dict[str, str | None]:
    """change the detached user, and commit another session"""
    user = await load(Session)
    async with Session() as session:
        user.username = "guide"
        await session.commit()
        return {"username": await session.scalar(SELECT_NAME)}


@wrong
async def refreshed(Session: Sessions) -> dict[str, str | None]:
    """refresh the user in another session"""
    user = await load(Session)
    async with Session() as session:
        await session.refresh(user)
        return {"username": user.username}


@right
async def added(Session: Sessions) -> dict[str, str | None]:
    """add the user to another session, change the user, and commit"""
    user = await load(Session)
    async with Session() as session:
        session.add(user)
        user.username = "guide"
        await session.commit()
        return {"username": await session.scalar(SELECT_NAME)}


@right
async def merged(Session: Sessions) -> dict[str, str | None]:
    """change the user, merge the user into another session, and commit"""
    user = await load(Session)
    user.username = "guide"
    async with Session() as session:
        await session.merge(user)
        await session.commit()
        return {"username": await session.scalar(SELECT_NAME)}


def check(
    only_changed: Observation, refreshed: Observation, added: Observation, merged: Observation
) -> None:
    assert only_changed.value == {"username": "username-1"}
    assert isinstance(refreshed.error, InvalidRequestError)
    assert added.value == merged.value == {"username": "guide"}


main = main_of(__name__)
