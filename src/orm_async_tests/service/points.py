"""Routes that create, read, list, patch and delete points."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy import (
    CTE,
    ColumnElement,
    DateTime,
    Integer,
    Row,
    Select,
    Text,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.dml import ReturningInsert

from orm_async_tests.models import TrackPoint, User
from orm_async_tests.service.etags import (
    IfMatch,
    format_etag,
    not_found,
    version_column,
    write_unchanged,
)
from orm_async_tests.service.idempotency import Key, build_statements, digest_of, insert_once
from orm_async_tests.service.json_bodies import JsonRoute
from orm_async_tests.service.parameters import After, Id, Limit, Omittable
from orm_async_tests.service.problems import problem_responses
from orm_async_tests.service.schemas import Moment, Page, PointIn, PointOut, PointPatch
from orm_async_tests.service.sessions import Read, WriteSession

CHANNEL = "orm_async_points"  # of NOTIFY, whose payload is the id of a user with new points
USERS, POINTS = User.__table__.c, TrackPoint.__table__.c
VERSION = version_column(TrackPoint).label("version")
SELECT_POINT = select(*POINTS, VERSION).where(POINTS.id == bindparam("id"))
USER, AFTER, LIMIT = (bindparam(name, type_=Integer) for name in ("user_id", "after", "limit"))
SINCE, UNTIL = (bindparam(name, type_=DateTime(timezone=True)) for name in ("since", "until"))
DATE_FORMAT = """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""
ZERO_MICROSECONDS = ".000000Z"  # pydantic writes six digits or none

router = APIRouter(tags=["points"], route_class=JsonRoute)


def lock_user(*conditions: ColumnElement[bool]) -> CTE:
    """Return a CTE that locks the user `owner` if the conditions are true.

    Because of the lock, requests that write points of one user run one after the other, so the
    order of the ids is the order of the commits.
    """
    user = select(USERS.id).where(USERS.id == bindparam("owner"), *conditions)
    return user.with_for_update(key_share=True).cte("locked")


def notify_listeners(user_id: ColumnElement[int]) -> ColumnElement[str]:
    """Return the SQL expression that notifies live streams of new points at the commit."""
    return cast(func.pg_notify(CHANNEL, cast(user_id, Text)), Text)


def build_insert(*conditions: ColumnElement[bool]) -> ReturningInsert[Any]:
    """Return the INSERT of a point. It inserts nothing if the user does not exist or if a condition
    is false.
    """
    values = [bindparam(name, type_=POINTS[name].type) for name in ("lat", "lon", "date")]
    row = select(lock_user(*conditions).c.id, *values)
    insertion = insert(TrackPoint).from_select(["user_id", "lat", "lon", "date"], row)
    notification = notify_listeners(POINTS.user_id).label("notification")
    return insertion.returning(*POINTS, VERSION, notification)


INSERT = build_statements("point", build_insert)


def point_json(point: Any) -> ColumnElement[str]:
    """Return the SQL expression for the JSON of a point, written as pydantic would write it, from
    the columns of a subquery.
    """
    date = func.to_char(func.timezone("UTC", point.date), literal_column(DATE_FORMAT))
    ids = '{"id":', point.id, ',"user_id":', point.user_id
    return func.concat(*ids, ',"lat":', point.lat, ',"lon":', point.lon, ',"date":"', date, '"}')


def select_page(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return a query for the points of a page as JSON, and for the parameter `after` of the next
    page.

    The server writes the JSON, because creating an object for every point would take this process
    more time than the rest of the request. The query reads one point more than LIMIT, so that it
    knows whether there is a next page. The query returns one row, or no row if the user does not
    exist.
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


PAGES = {  # by the presence of `since` and `until`: `IS NULL OR` would share one plan
    (False, False): select_page(),
    (True, False): select_page(POINTS.date >= SINCE),
    (False, True): select_page(POINTS.date < UNTIL),
    (True, True): select_page(POINTS.date >= SINCE, POINTS.date < UNTIL),
}


def page_json(row: Row[Any]) -> str:
    """Return a page as JSON, from the row that the query returned."""
    return f'{{"items":[{row.documents or ""}],"next":{row.following or "null"}}}'


@router.post("/users/{user_id}/points", status_code=201, responses=problem_responses(404, 409, 415))
async def create(
    user_id: Id, point: PointIn, session: WriteSession, response: Response, key: Key = None
) -> PointOut:
    """Add a point to the track of a user."""
    digest = digest_of(f"POST /users/{user_id}/points {point.model_dump_json()}")
    values = {"owner": user_id, **point.model_dump()}
    created = await insert_once(session, INSERT, values, key, digest)
    if created is None:
        raise not_found(User)
    response.headers["ETag"] = format_etag(created["version"])
    response.headers["Location"] = f"/points/{created['point']['id']}"
    return PointOut.model_validate(created["point"])


@router.get(
    "/users/{user_id}/points", response_model=Page[PointOut], responses=problem_responses(404)
)
async def list_(
    user_id: Id,
    reader: Read,
    after: After = 0,
    limit: Limit = 100,
    since: Annotated[Moment | None, Omittable(), Query(description="not before")] = None,
    until: Annotated[Moment | None, Omittable(), Query(description="before")] = None,
) -> Response:
    """List the points of a user in the order of their ids, one page at a time."""
    values = {"user_id": user_id, "after": after, "limit": limit, "since": since, "until": until}
    parameters = {name: value for name, value in values.items() if value is not None}
    rows = await reader.rows(PAGES[since is not None, until is not None], parameters)
    if not rows:
        raise not_found(User)
    return Response(page_json(rows[0]), media_type="application/json")


@router.get("/points/{point_id}", responses=problem_responses(404))
async def read(point_id: Id, reader: Read, response: Response) -> PointOut:
    """Read a point. The ETag of the response identifies the version of the point."""
    rows = await reader.rows(SELECT_POINT, {"id": point_id})
    if not rows:
        raise not_found(TrackPoint)
    response.headers["ETag"] = format_etag(rows[0].version)
    return PointOut.model_validate(rows[0])


@router.patch("/points/{point_id}", responses=problem_responses(404, 412, 415, 428))
async def patch(
    point_id: Id, point: PointPatch, session: WriteSession, response: Response, if_match: IfMatch
) -> PointOut:
    """Change some fields of a point if it still has the version in If-Match."""
    # A PATCH without members sets the id to itself: an UPDATE needs a column to return a row.
    values = {"id": TrackPoint.id, **point.model_dump(exclude_none=True)}
    change = update(TrackPoint).values(values).returning(TrackPoint, VERSION)
    row = await write_unchanged(session, change, TrackPoint, point_id, if_match)
    response.headers["ETag"] = format_etag(row[1])
    return PointOut.model_validate(row[0])


@router.delete("/points/{point_id}", status_code=204, responses=problem_responses(404, 412, 428))
async def remove(point_id: Id, session: WriteSession, if_match: IfMatch) -> None:
    """Delete a point if it still has the version in If-Match."""
    deletion = delete(TrackPoint).returning(TrackPoint.id)
    await write_unchanged(session, deletion, TrackPoint, point_id, if_match)
