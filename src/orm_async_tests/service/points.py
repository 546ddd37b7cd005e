"""Points: create, read, list by time, patch, delete."""

from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, HTTPException, Query, Response
from sqlalchemy import (
    CTE,
    ColumnElement,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert

from orm_async_tests.models import TrackPoint, User
from orm_async_tests.service import pages
from orm_async_tests.service.etags import IfMatch, format_etag, is_unchanged, version_column
from orm_async_tests.service.idempotency import Key, build_statements, insert_once, make_digest
from orm_async_tests.service.json_bodies import JsonRoute
from orm_async_tests.service.parameters import After, Id, Limit, Omittable
from orm_async_tests.service.problems import problem_responses
from orm_async_tests.service.reads import Read
from orm_async_tests.service.schemas import Moment, Page, PointIn, PointOut, PointPatch
from orm_async_tests.service.sessions import WriteSession
from orm_async_tests.service.users import user_not_found

CHANNEL = "orm_async_points"  # of NOTIFY, whose payload is the id of a user with new points
USERS, POINTS = User.__table__.c, TrackPoint.__table__.c
VERSION = version_column(TrackPoint).label("version")
SELECT_POINT = select(*POINTS, VERSION).where(POINTS.id == bindparam("id"))

router = APIRouter(tags=["points"], route_class=JsonRoute)


def point_not_found() -> HTTPException:
    """Return the 404 for a point that does not exist."""
    return HTTPException(404, "there is no such point")


def lock_user(*conditions: ColumnElement[bool]) -> CTE:
    """Return the CTE that locks the user `owner` if the conditions hold.

    Writers of one user's points take turns, so the order of the ids is the order of the commits.
    """
    user = select(USERS.id).where(USERS.id == bindparam("owner"), *conditions)
    return user.with_for_update(key_share=True).cte("locked")


def notify_listeners(user_id: ColumnElement[int]) -> ColumnElement[str]:
    """Return the expression that tells live streams of new points, once they are committed."""
    return cast(func.pg_notify(CHANNEL, cast(user_id, Text)), Text)


def build_insert(*conditions: ColumnElement[bool]) -> ReturningInsert[Any]:
    """Return the INSERT of a point, which adds none without its user, or if a condition fails."""
    values = [bindparam(name, type_=POINTS[name].type) for name in ("lat", "lon", "date")]
    row = select(lock_user(*conditions).c.id, *values)
    insertion = insert(TrackPoint).from_select(["user_id", "lat", "lon", "date"], row)
    notification = notify_listeners(POINTS.user_id).label("notification")
    return insertion.returning(*POINTS, VERSION, notification)


INSERT = build_statements("point", PointOut, build_insert)


async def raise_unmatched(session: AsyncSession, point_id: int) -> NoReturn:
    """Raise HTTPException for a write that matched no row: 404 without a point, otherwise 412."""
    if await session.scalar(select(TrackPoint.id).where(TrackPoint.id == point_id)) is None:
        raise point_not_found()
    raise HTTPException(412, "the point has changed since you read it")


@router.post("/users/{user_id}/points", status_code=201, responses=problem_responses(404, 409, 415))
async def create(
    user_id: Id, point: PointIn, session: WriteSession, response: Response, key: Key = None
) -> PointOut:
    """Add a point to a user's track."""
    digest = make_digest(f"POST /users/{user_id}/points {point.model_dump_json()}")
    values = {"owner": user_id, **point.model_dump()}
    created = await insert_once(session, INSERT, values, key, digest)
    if created is None:
        raise user_not_found()
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
    """List a user's points in the order of their ids, a page at a time."""
    values = {"user_id": user_id, "after": after, "limit": limit, "since": since, "until": until}
    parameters = {name: value for name, value in values.items() if value is not None}
    rows = await reader.rows(pages.STATEMENTS[since is not None, until is not None], parameters)
    if not rows:
        raise user_not_found()
    return Response(pages.page_json(rows[0]), media_type="application/json")


@router.get("/points/{point_id}", responses=problem_responses(404))
async def read(point_id: Id, reader: Read, response: Response) -> PointOut:
    """Read a point. The ETag identifies its version."""
    rows = await reader.rows(SELECT_POINT, {"id": point_id})
    if not rows:
        raise point_not_found()
    response.headers["ETag"] = format_etag(rows[0].version)
    return PointOut.model_validate(rows[0])


@router.patch("/points/{point_id}", responses=problem_responses(404, 412, 415, 428))
async def patch(
    point_id: Id,
    point: PointPatch,
    session: WriteSession,
    response: Response,
    if_match: IfMatch,
) -> PointOut:
    """Change some members of a point, if it is still the version that was read."""
    # A PATCH without members sets the id to itself: an UPDATE needs a column to return a row.
    values = {"id": TrackPoint.id, **point.model_dump(exclude_none=True)}
    conditions = TrackPoint.id == point_id, is_unchanged(TrackPoint, if_match)
    change = update(TrackPoint).where(*conditions).values(values)
    returning = change.returning(TrackPoint, version_column(TrackPoint))
    row = (await session.execute(returning)).one_or_none()
    if row is None:
        await raise_unmatched(session, point_id)
    response.headers["ETag"] = format_etag(row[1])
    return PointOut.model_validate(row[0])


@router.delete("/points/{point_id}", status_code=204, responses=problem_responses(404, 412, 428))
async def remove(point_id: Id, session: WriteSession, if_match: IfMatch) -> None:
    """Delete a point, if it is still the version that was read."""
    conditions = TrackPoint.id == point_id, is_unchanged(TrackPoint, if_match)
    deletion = delete(TrackPoint).where(*conditions).returning(TrackPoint.id)
    if (await session.execute(deletion)).first() is None:
        await raise_unmatched(session, point_id)
