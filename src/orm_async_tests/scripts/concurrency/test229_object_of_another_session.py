"""An object belongs to one session: add() to another session fails, but merge() makes a copy.

A session keeps the objects that it has loaded or added until you close the session. If you add an
object of one session to a second session, SQLAlchemy raises InvalidRequestError. Use one session
for the whole request, or set the foreign key instead of the related object. To copy an object into
another session, call that session's merge(), which sends a SELECT and returns the copy.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_state_management.html#merging
Symptom: you get InvalidRequestError "is already attached to session".
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import InvalidRequestError

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong
from orm_async_tests.models import TrackPoint, User

POSITION: dict[str, Any] = {"lat": 46.5, "lon": 13.5, "date": datetime(2026, 1, 1, tzinfo=UTC)}


@wrong
async def as_parent(Session: Sessions) -> dict[str, object]:
    """load a user in one session, and add a point of this user in another session"""
    async with Session() as outer, Session() as inner:
        user = await outer.get_one(User, 1)
        point = TrackPoint(user=user, **POSITION)
        inner.add(point)
        await inner.flush()
        return {"user id": point.user_id}


@right
async def by_key(Session: Sessions) -> dict[str, object]:
    """load a user in one session, and add a point with the user's key in another session"""
    async with Session() as outer, Session() as inner:
        user = await outer.get_one(User, 1)
        point = TrackPoint(user_id=user.id, **POSITION)
        inner.add(point)
        await inner.flush()
        return {"user id": point.user_id}


@right
async def merged(Session: Sessions) -> dict[str, object]:
    """copy a user into another session with merge(), and add a point of the copy"""
    async with Session() as outer, Session() as inner:
        user = await inner.merge(await outer.get_one(User, 1))
        point = TrackPoint(user=user, **POSITION)
        inner.add(point)
        await inner.flush()
        return {"user id": point.user_id}


def check(as_parent: Observation, by_key: Observation, merged: Observation) -> None:
    assert isinstance(as_parent.error, InvalidRequestError)
    assert by_key.value == merged.value == {"user id": 1}
    assert len(merged.sql) == len(by_key.sql) + 1  # merge() loads the copy


main = main_of(__name__)
