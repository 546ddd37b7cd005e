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

CHANNEL = "orm_async_points"
USERS, POINTS = User.__table__.c, TrackPoint.__table__.c
ONE = select(*POINTS, version_column(TrackPoint).label("version")).where(
    POINTS.id == bindparam("id")
)

router = APIRouter(tags=["points"], route_class=JsonRoute)


def to_document(point: TrackPoint) -> PointOut:
    """The point as a document."""
    return PointOut.model_validate(point)


def locked(*conditions: ColumnElement[bool]) -> CTE:
    """The user, locked: writers of one user's points take turns, so ids are in order of commits."""
    mine = USERS.id == bindparam("owner"), *conditions
    return select(USERS.id).where(*mine).with_for_update(key_share=True).cte("locked")


def notified(user_id: ColumnElement[int]) -> ColumnElement[str]:
    """Tells listeners, once the transaction is committed, that the user has new points."""
    return cast(func.pg_notify(CHANNEL, cast(user_id, Text)), Text)


def new(*conditions: ColumnElement[bool]) -> ReturningInsert[Any]:
    """The INSERT of a point on these conditions, if there is the user."""
    given = [bindparam(name, type_=POINTS[name].type) for name in ("lat", "lon", "date")]
    made = insert(TrackPoint).from_select(
        ["user_id", "lat", "lon", "date"], select(locked(*conditions).c.id, *given)
    )
    told = notified(POINTS.user_id).label("told")
    return made.returning(*POINTS, version_column(TrackPoint).label("version"), told)


NEW = build_statements("point", PointOut, new)


async def refuse(session: AsyncSession, point_id: int) -> NoReturn:
    """Say why a write found no row: 404 if there is none, 412 if it has another version by now."""
    if await session.scalar(select(TrackPoint.id).where(TrackPoint.id == point_id)) is None:
        raise HTTPException(404, "there is no such point")
    raise HTTPException(412, "the point has changed since you read it")


@router.post("/users/{user_id}/points", status_code=201, responses=problem_responses(404, 409, 415))
async def create(
    user_id: Id, point: PointIn, session: WriteSession, response: Response, key: Key = None
) -> PointOut:
    """Add a point to a user's walk."""

    request = make_digest(f"POST /users/{user_id}/points {point.model_dump_json()}")
    values = {"owner": user_id, **point.model_dump()}
    done = await insert_once(session, NEW, values, key, request)
    if done is None:
        raise user_not_found()
    response.headers["ETag"] = format_etag(done["version"])
    response.headers["Location"] = f"/points/{done['point']['id']}"
    return PointOut.model_validate(done["point"])


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
    """A user's points in the order of their ids, a page at a time."""
    given = {"user_id": user_id, "after": after, "limit": limit, "since": since, "until": until}
    parameters = {name: value for name, value in given.items() if value is not None}
    rows = await reader.rows(pages.STATEMENTS[since is not None, until is not None], parameters)
    if not rows:
        raise user_not_found()
    return Response(pages.document(rows[0]), media_type="application/json")


@router.get("/points/{point_id}", responses=problem_responses(404))
async def read(point_id: Id, reader: Read, response: Response) -> PointOut:
    """A point; the ETag says which version."""
    rows = await reader.rows(ONE, {"id": point_id})
    if not rows:
        raise HTTPException(404, "there is no such point")
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
    """Change what is given of a point, if it is still the version that was read."""
    mine = TrackPoint.id == point_id, is_unchanged(TrackPoint, if_match)
    values = {"id": TrackPoint.id, **point.model_dump(exclude_none=True)}
    changed = update(TrackPoint).where(*mine).values(values)
    found = await session.execute(changed.returning(TrackPoint, version_column(TrackPoint)))
    row = found.one_or_none()
    if row is None:
        await refuse(session, point_id)
    response.headers["ETag"] = format_etag(row[1])
    return to_document(row[0])


@router.delete("/points/{point_id}", status_code=204, responses=problem_responses(404, 412, 428))
async def remove(point_id: Id, session: WriteSession, if_match: IfMatch) -> None:
    """Delete a point, if it is still the version that was read."""
    mine = TrackPoint.id == point_id, is_unchanged(TrackPoint, if_match)
    gone = delete(TrackPoint).where(*mine).returning(TrackPoint.id)
    if (await session.execute(gone)).first() is None:
        await refuse(session, point_id)
