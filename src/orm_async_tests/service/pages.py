"""A page of a user's points, read by one statement as JSON that the server writes.

The process creates no object for a point. Every combination of conditions has a
separate statement, because one statement with `IS NULL OR` would have one plan for all of them.
"""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Row,
    Select,
    bindparam,
    case,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from orm_async_tests.models import TrackPoint, User

USERS, POINTS = User.__table__.c, TrackPoint.__table__.c
USER, AFTER, LIMIT = (bindparam(name, type_=Integer) for name in ("user_id", "after", "limit"))
SINCE, UNTIL = (bindparam(name, type_=DateTime(timezone=True)) for name in ("since", "until"))
DATE_FORMAT = """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""
ZERO_MICROSECONDS = ".000000Z"  # pydantic writes six digits or none


def point_json(point: Any) -> ColumnElement[str]:
    """Return the JSON of a point, spelled as pydantic would, from a subquery's columns."""
    date = func.to_char(func.timezone("UTC", point.date), literal_column(DATE_FORMAT))
    ids = '{"id":', point.id, ',"user_id":', point.user_id
    return func.concat(*ids, ',"lat":', point.lat, ',"lon":', point.lon, ',"date":"', date, '"}')


def select_page(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return a query for a page's points as JSON, and for the `after` of the next page.

    It reads one point more than LIMIT, to learn whether there is a next page. It has one row, or
    none if there is no such user.
    """
    columns = POINTS.id, POINTS.user_id, POINTS.lat, POINTS.lon, POINTS.date
    points = select(*columns).where(POINTS.user_id == USER, POINTS.id > AFTER, *conditions)
    points_and_one = points.order_by(POINTS.id).limit(LIMIT + 1).subquery()
    number = func.row_number().over(order_by=points_and_one.c.id).label("number")
    point = select(points_and_one, number).subquery().c
    is_in_page = point.number <= LIMIT
    joined = func.string_agg(point_json(point), aggregate_order_by(literal_column("','"), point.id))
    documents = func.replace(joined.filter(is_in_page), ZERO_MICROSECONDS, "Z")
    last_id = func.max(point.id).filter(is_in_page)
    following = case((func.count() > LIMIT, last_id))
    page = select(documents.label("documents"), following.label("following")).subquery()
    return select(page).join_from(User, page, true()).where(USERS.id == USER)


STATEMENTS = {  # by the presence of `since` and of `until`
    (False, False): select_page(),
    (True, False): select_page(POINTS.date >= SINCE),
    (False, True): select_page(POINTS.date < UNTIL),
    (True, True): select_page(POINTS.date >= SINCE, POINTS.date < UNTIL),
}


def page_json(row: Row[Any]) -> str:
    """Return a page as JSON, from the row of its statement."""
    return f'{{"items":[{row.documents or ""}],"next":{row.following or "null"}}}'
