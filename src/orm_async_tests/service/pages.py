"""A page of a user's points: one statement, and the server writes the JSON of the items.

The process makes no object of a point, nor reads one twice: docs/articles/service_page.md. A
statement is built once for each combination of conditions; one with `IS NULL OR` in it would have
one plan for all.
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
WHOLE_SECOND = ".000000Z"  # pydantic writes either six digits or none
MOMENT = """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""


def item(point: Any) -> ColumnElement[str]:
    """The JSON of a point's columns, as pydantic writes it."""
    date = func.to_char(func.timezone("UTC", point.date), literal_column(MOMENT))
    who = '{"id":', point.id, ',"user_id":', point.user_id
    return func.concat(*who, ',"lat":', point.lat, ',"lon":', point.lon, ',"date":"', date, '"}')


def statement(*conditions: ColumnElement[bool]) -> Select[Any]:
    """The items of a page and the `next` one; no row if there is no such user."""
    mine = POINTS.user_id == USER, POINTS.id > AFTER, *conditions
    some = select(POINTS.id, POINTS.user_id, POINTS.lat, POINTS.lon, POINTS.date).where(*mine)
    found = some.order_by(POINTS.id).limit(LIMIT + 1).subquery()
    numbered = select(found, func.row_number().over(order_by=found.c.id).label("number"))
    each = numbered.subquery().c
    inside = each.number <= LIMIT
    joined = func.string_agg(item(each), aggregate_order_by(literal_column("','"), each.id))
    items = func.replace(joined.filter(inside), WHOLE_SECOND, "Z")
    last = case((func.count() > LIMIT, func.max(each.id).filter(inside)))
    page = select(items.label("documents"), last.label("following")).subquery()
    return select(page).join_from(User, page, true()).where(USERS.id == USER)


STATEMENTS = {  # by whether there are a since and an until
    (False, False): statement(),
    (True, False): statement(POINTS.date >= SINCE),
    (False, True): statement(POINTS.date < UNTIL),
    (True, True): statement(POINTS.date >= SINCE, POINTS.date < UNTIL),
}


def document(row: Row[Any]) -> str:
    """The page's JSON."""
    return f'{{"items":[{row.documents or ""}],"next":{row.following or "null"}}}'
