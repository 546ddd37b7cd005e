"""An object belongs to one session: another session refuses it, and merge() gives you a copy.

The object belongs to its session until that is closed. Adding it to another session fails, and so
does a new object that refers to it, because add() cascades along relationships. refresh() refuses
an object of a closed session, too. Refer to the object by its key, or merge() it and go on with the
copy that merge() returns.

Symptom: InvalidRequestError "is already attached to session"
Symptom: InvalidRequestError "is not persistent within this Session"
Docs: https://docs.sqlalchemy.org/en/21/orm/session_state_management.html#merging
"""

from datetime import UTC, datetime

from sqlalchemy.exc import InvalidRequestError

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong
from orm_async_tests.models import TrackPoint, User

PLACE = {"lat": 45.5, "lon": 14.0, "date": datetime(2026, 1, 1, tzinfo=UTC)}


@wrong
async def by_relationship(Session: Sessions) -> dict[str, object]:
    """add TrackPoint(user=user) with a user of another session"""
    async with Session() as one, Session() as two:
        user = await one.get_one(User, 1)
        two.add(TrackPoint(user=user, **PLACE))
        await two.flush()
        return {"user": user.id}


@right
async def by_key(Session: Sessions) -> dict[str, object]:
    """add TrackPoint(user_id=user.id) with a user of another session"""
    async with Session() as one, Session() as two:
        user = await one.get_one(User, 1)
        two.add(point := TrackPoint(user_id=user.id, **PLACE))
        await two.flush()
        return {"user": point.user_id}


@wrong
async def refreshed(Session: Sessions) -> dict[str, object]:
    """refresh a user of a closed session"""
    async with Session() as one:
        user = await one.get_one(User, 1)
    async with Session() as two:
        await two.refresh(user)
        return {"user": user.id}


@right
async def merged(Session: Sessions) -> dict[str, object]:
    """merge a user of another session, and use the copy"""
    async with Session() as one, Session() as two:
        user = await one.get_one(User, 1)
        copy = await two.merge(user)
        two.add(point := TrackPoint(user=copy, **PLACE))
        await two.flush()
        return {"user": point.user_id, "is a copy": copy is not user}


def check(
    by_relationship: Observation, by_key: Observation, refreshed: Observation, merged: Observation
) -> None:
    assert isinstance(by_relationship.error, InvalidRequestError)
    assert isinstance(refreshed.error, InvalidRequestError)
    assert by_key.value == {"user": 1}
    assert merged.value == {"user": 1, "is a copy": True}


main = main_of(__name__)
