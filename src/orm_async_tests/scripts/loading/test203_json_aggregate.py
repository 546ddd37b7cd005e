"""json_agg() returns a user with all points in one row, but a join repeats the user in every row.

With a join, the server sends the user's columns with every point. With selectinload(), SQLAlchemy
sends one statement for the user and one for the points. With json_agg(), one statement returns one
row, and a web service can send the JSON unchanged. In the JSON of json_agg(), a timestamp is a
string.

Docs: https://docs.sqlalchemy.org/en/21/core/functions.html#sqlalchemy.sql.functions.func
"""

from typing import Any

from sqlalchemy import JSON, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from orm_async_tests.harness import Observation, main_of, variant
from orm_async_tests.models import TrackPoint, User

FIRST = User.id == 1
POINT = func.json_build_object("lat", TrackPoint.lat, "date", TrackPoint.date)
POINTS = select(func.json_agg(POINT, type_=JSON)).where(TrackPoint.user_id == User.id)


@variant
async def selectin(session: AsyncSession) -> dict[str, Any]:
    """load the user, then load the points with selectinload()"""
    rows = (
        await session.scalars(select(User).where(FIRST).options(selectinload(User.points)))
    ).all()
    points = [point for user in rows for point in user.points]
    return {"rows": 1 + len(points), "points": len(points), "date": type(points[0].date).__name__}


@variant
async def joined(session: AsyncSession) -> dict[str, Any]:
    """join the user to all of its points"""
    rows = (await session.execute(select(User, TrackPoint).join(User.points).where(FIRST))).all()
    points = [point for _, point in rows]
    return {"rows": len(rows), "points": len(points), "date": type(points[0].date).__name__}


@variant
async def aggregate(session: AsyncSession) -> dict[str, Any]:
    """build a list of the user's points with json_agg() in a scalar subquery"""
    query = select(User.username, POINTS.scalar_subquery().label("points")).where(FIRST)
    rows = (await session.execute(query)).all()
    points = rows[0].points
    return {"rows": len(rows), "points": len(points), "date": type(points[0]["date"]).__name__}


def check(selectin: Observation, joined: Observation, aggregate: Observation) -> None:
    assert selectin.value == {"rows": 3, "points": 2, "date": "datetime"}
    assert joined.value == {"rows": 2, "points": 2, "date": "datetime"}
    assert aggregate.value == {"rows": 1, "points": 2, "date": "str"}
    assert [len(selectin.sql), len(joined.sql), len(aggregate.sql)] == [2, 1, 1]


main = main_of(__name__)
