"""Routes that create, read, list, patch and delete points."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy import TextClause, bindparam, delete, select, text, update

from orm_async_tests.models import TrackPoint, User
from orm_async_tests.service import etags
from orm_async_tests.service.idempotency import Key, build_insertion, digest_of, insert_once
from orm_async_tests.service.json_bodies import JsonRoute
from orm_async_tests.service.problems import problem_responses
from orm_async_tests.service.schemas import (
    FIRST,
    LAST,
    After,
    Id,
    Limit,
    Moment,
    Page,
    PointIn,
    PointOut,
    PointPatch,
)
from orm_async_tests.service.sessions import Read, WriteSession

CHANNEL = "orm_async_points"  # for NOTIFY; the payload is the id of a user with new points
POINTS = TrackPoint.__table__.c
VERSION = etags.version_column(TrackPoint).label("version")
SELECT_POINT = select(*POINTS, VERSION).where(POINTS.id == bindparam("id"))
router = APIRouter(tags=["points"], route_class=JsonRoute)


def lock_user(condition: str) -> str:
    """Return a common table expression that locks the user `:owner` if a condition is true.

    Because of the lock, the ids of a user's points are in the order of the commits.
    """
    return f"""locked AS (
        SELECT id FROM users WHERE id = :owner AND {condition} FOR NO KEY UPDATE
    )"""


def notify_listeners(user_id: str) -> str:
    return f"CAST(pg_notify('{CHANNEL}', CAST({user_id} AS text)) AS text)"


INSERT = build_insertion(
    lambda condition: (
        f"""{lock_user(condition)}, inserted AS (
        INSERT INTO track_points (user_id, lat, lon, date)
        SELECT id, CAST(:lat AS float), CAST(:lon AS float), CAST(:date AS timestamptz) FROM locked
        RETURNING *, CAST(xmin AS text) AS version, {notify_listeners("user_id")} AS notification
    )"""
    ),
    "jsonb_build_object('point', to_jsonb(inserted), 'version', version)",
)


def select_page(condition: str = "true") -> TextClause:
    """Return a query for two values: the JSON of one page of points, and the next page's `after`.

    The query returns no row if the user does not exist. The server writes the JSON, because
    creating a Python object for every point is slow.
    """
    return text(rf"""
        SELECT page.* FROM users, (
            SELECT replace(
                    string_agg(document, ',' ORDER BY id) FILTER (WHERE number <= :limit),
                    '.000000Z', 'Z'  -- pydantic writes six digits or none
                ) AS documents,
                CASE WHEN count(*) > :limit THEN max(id) FILTER (WHERE number <= :limit)
                END AS following
            FROM (
                SELECT id, row_number() OVER (ORDER BY id) AS number, concat(
                    '{{"id":', id, ',"user_id":', user_id, ',"lat":', lat, ',"lon":', lon,
                    ',"date":"',
                    to_char(date AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24\:MI\:SS.US"Z"'), '"}}'
                ) AS document
                FROM track_points WHERE user_id = :user_id AND id > :after AND {condition}
                ORDER BY id LIMIT CAST(:limit AS int) + 1
            ) AS point
        ) AS page WHERE users.id = :user_id
    """)


PAGES = {  # by the presence of `since` and `until`, because each case has its own query plan
    (False, False): select_page(),
    (True, False): select_page("date >= :since"),
    (False, True): select_page("date < :until"),
    (True, True): select_page("date >= :since AND date < :until"),
}


@router.post("/users/{user_id}/points", status_code=201, responses=problem_responses(404, 409, 415))
async def create(
    user_id: Id, point: PointIn, session: WriteSession, response: Response, key: Key = ""
) -> PointOut:
    """Add a point to a user's track."""
    digest = digest_of(f"POST /users/{user_id}/points {point.model_dump_json()}")
    values = {"owner": user_id, **point.model_dump()}
    created = await insert_once(session, INSERT, values, key, digest)
    etags.set_etag(response, created["version"])
    response.headers["Location"] = f"/points/{created['point']['id']}"
    return PointOut.model_validate(created["point"])


@router.get(
    "/users/{user_id}/points", response_model=Page[PointOut], responses=problem_responses(404)
)
async def list_points(
    user_id: Id,
    reader: Read,
    after: After = 0,
    limit: Limit = 100,
    since: Annotated[Moment, Query(description="omit points before this date")] = FIRST,
    until: Annotated[Moment, Query(description="omit points at or after this date")] = LAST,
) -> Response:
    """List the points of a user in the order of their ids, one page at a time."""
    values = {"user_id": user_id, "after": after, "limit": limit, "since": since, "until": until}
    rows = await reader.rows(PAGES[since > FIRST, until < LAST], values)
    if not rows:
        raise etags.not_found(User)
    [page] = rows
    document = f'{{"items":[{page.documents or ""}],"next":{page.following or "null"}}}'
    return Response(document, media_type="application/json")


@router.get("/points/{point_id}", responses=problem_responses(404))
async def read(point_id: Id, reader: Read, response: Response) -> PointOut:
    """Read a point. The ETag identifies the version of the point."""
    rows = await reader.rows(SELECT_POINT, {"id": point_id})
    if not rows:
        raise etags.not_found(TrackPoint)
    etags.set_etag(response, rows[0].version)
    return PointOut.model_validate(rows[0])


@router.patch("/points/{point_id}", responses=problem_responses(404, 412, 415, 428))
async def patch(
    point_id: Id,
    point: PointPatch,
    session: WriteSession,
    response: Response,
    if_match: etags.IfMatch,
) -> PointOut:
    """Change some fields of a point if the header If-Match lists the point's version."""
    # A PATCH without members sets the id to itself: an UPDATE needs a column to return a row.
    values = {"id": TrackPoint.id, **point.model_dump(exclude_none=True)}
    change = update(TrackPoint).values(values).returning(TrackPoint, VERSION)
    row = await etags.write_unchanged(session, change, TrackPoint, point_id, if_match)
    etags.set_etag(response, row[1])
    return PointOut.model_validate(row[0])


@router.delete("/points/{point_id}", status_code=204, responses=problem_responses(404, 412, 428))
async def remove(point_id: Id, session: WriteSession, if_match: etags.IfMatch) -> None:
    """Delete a point if the header If-Match lists the point's version."""
    deletion = delete(TrackPoint).returning(TrackPoint.id)
    await etags.write_unchanged(session, deletion, TrackPoint, point_id, if_match)
