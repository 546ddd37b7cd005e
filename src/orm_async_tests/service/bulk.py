"""Many points at once: JSON, an NDJSON stream, a GPX file; COPY, all or nothing."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any

import gpxpy
from fastapi import APIRouter, Request
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.service.points import announced, held
from orm_async_tests.service.problems import Refused, answers
from orm_async_tests.service.schemas import Loaded, PointIn
from orm_async_tests.service.sessions import InTransaction
from orm_async_tests.service.users import Id

Row = tuple[int, float, float, datetime]
COLUMNS = ["user_id", "lat", "lon", "date"]
LINE = 10_000  # bytes that a line may have
UPLOAD = 3600.0  # seconds that an upload may take

router = APIRouter(prefix="/users/{user_id}/points", tags=["bulk"])


def row(user_id: int, point: PointIn) -> Row:
    """The point as COPY takes it."""
    return user_id, point.lat, point.lon, point.date


async def copied(session: AsyncSession, user_id: int, rows: Any) -> Loaded:
    """COPY rows, given by an iterable or an async one, in the session's transaction."""
    await held(session, user_id)  # the transaction has begun: COPY takes part in it (test74)
    await session.execute(text("SET LOCAL statement_timeout = 0"))
    driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    told = await driver.copy_records_to_table(
        "track_points", records=rows, columns=COLUMNS, timeout=UPLOAD
    )
    await announced(session, user_id)
    return Loaded(points=int(told.removeprefix("COPY ")))


def bad_line(number: int, why: str) -> Refused:
    """The answer to a stream with such a line: nothing of it was kept."""
    return Refused(422, f"line {number}: {why}; nothing was added")


async def lines(request: Request) -> AsyncIterator[bytes]:
    """The body's lines, of which only one chunk is in memory at a time."""
    rest = b""
    number = 0
    async for chunk in request.stream():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            number += 1
            yield line
        if len(rest) > LINE:
            raise bad_line(number + 1, f"it is longer than {LINE} bytes")
    if rest:
        yield rest


async def rows_of_lines(request: Request, user_id: int) -> AsyncIterator[Row]:
    """A row for each line that is not blank; raises Refused (422), which names the line."""
    number = 0
    async for line in lines(request):
        number += 1
        if not line.strip():
            continue
        try:
            yield row(user_id, PointIn.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            raise bad_line(number, f"{'.'.join(map(str, first['loc']))} {first['msg']}") from None


def rows_of_gpx(document: bytes, user_id: int) -> Iterable[Row]:
    """A row for each point of the tracks; raises Refused (422), which names the point."""
    try:
        walks = gpxpy.parse(document)
    except Exception as error:
        raise Refused(422, f"this is no GPX: {error}; nothing was added") from None
    for number, found in enumerate(walks.walk(only_points=True), start=1):
        try:
            point = PointIn(lat=found.latitude, lon=found.longitude, date=found.time)
        except ValidationError as error:
            why = error.errors()[0]["msg"]
            raise Refused(422, f"point {number}: {why}; nothing was added") from None
        yield row(user_id, point)


@router.post("/bulk", status_code=201, responses=answers(404))
async def bulk(user_id: Id, points: list[PointIn], session: InTransaction) -> Loaded:
    """Add the points of a JSON array."""
    return await copied(session, user_id, [row(user_id, point) for point in points])


def takes(media_type: str) -> dict[str, Any]:
    """The description of a body that is read as it comes."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"content": content, "required": True}}


@router.post(
    "/ndjson",
    status_code=201,
    responses=answers(404),
    openapi_extra=takes("application/x-ndjson"),
)
async def ndjson(user_id: Id, request: Request, session: InTransaction) -> Loaded:
    """Add the points of a stream with one JSON document in each line."""
    return await copied(session, user_id, rows_of_lines(request, user_id))


@router.post(
    "/gpx", status_code=201, responses=answers(404), openapi_extra=takes("application/gpx+xml")
)
async def gpx(user_id: Id, request: Request, session: InTransaction) -> Loaded:
    """Add the points of a GPX file's tracks."""
    rows = list(rows_of_gpx(await request.body(), user_id))
    return await copied(session, user_id, rows)
