"""Sends the track of a user as a stream. NDJSON and GeoJSON.

A client may read a track as slowly as it wants, so the stream keeps no connection while it waits
for the client. A separate statement reads each batch of points. The server writes the JSON of a
batch as one text, because this is the least work for this process.
"""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from orm_async_tests.models import TrackPoint, User
from orm_async_tests.service.etags import not_found
from orm_async_tests.service.parameters import Id
from orm_async_tests.service.problems import problem_responses
from orm_async_tests.service.sessions import Read, Reader

BATCH = 1000  # points; a client that does not read has two batches in memory
USERS, POINTS = User.__table__.c, TrackPoint.__table__.c
USER, AFTER = bindparam("user_id", type_=Integer), bindparam("after", type_=Integer)
DATE = func.to_json(POINTS.date)  # as ISO 8601, in the session's time zone: UTC
LINE = func.concat('{"lat":', POINTS.lat, ',"lon":', POINTS.lon, ',"date":', DATE, "}\n")
POSITION = func.concat("[", POINTS.lon, ",", POINTS.lat, "]")

router = APIRouter(prefix="/users/{user_id}", tags=["tracks"])


def select_batch(text: ColumnElement[str], separator: str) -> Select[Any]:
    """Return a query that joins the JSON texts of the points after an id.

    The query returns one row, or no row if the user does not exist.
    """
    points = select(POINTS.id, text.label("text")).where(POINTS.user_id == USER, POINTS.id > AFTER)
    batch = points.order_by(POINTS.id).limit(BATCH).subquery().c
    between = literal_column(f"'{separator}'", Text)
    joined = func.string_agg(batch.text, aggregate_order_by(between, batch.id))
    columns = joined.label("text"), func.max(batch.id).label("last"), func.count().label("points")
    return (
        select(page := select(*columns).subquery())
        .join_from(User, page, true())
        .where(USERS.id == USER)
    )


LINES, POSITIONS = select_batch(LINE, ""), select_batch(POSITION, ",")


class Batch(NamedTuple):
    """Some points of a track as JSON text, with the id of the last point and the number of
    points.
    """

    text: bytes
    last: int
    points: int


async def read_batch(
    reader: Reader, query: Select[Any], user_id: int, after: int = 0
) -> Batch | None:
    """Return the points after this id, or None if the user does not exist."""
    rows = await reader.rows(query, {"user_id": user_id, "after": after})
    return Batch((rows[0].text or "").encode(), rows[0].last, rows[0].points) if rows else None


async def read_first_batch(reader: Reader, query: Select[Any], user_id: int) -> Batch:
    """Return the first points, so that the route can answer 404 before it begins a response. Raise
    HTTPException 404.
    """
    batch = await read_batch(reader, query, user_id)
    if batch is None:
        raise not_found(User)
    return batch


async def stream_texts(
    reader: Reader, query: Select[Any], user_id: int, batch: Batch | None, separator: bytes = b""
) -> AsyncIterator[bytes]:
    """Yield the text of this batch and of all following batches. Only the last batch may have fewer
    points than the others.
    """
    before = b""
    while batch and batch.points:
        yield before + batch.text if before else batch.text
        before = separator
        if batch.points < BATCH:
            return
        batch = await read_batch(reader, query, user_id, batch.last)


async def stream_feature(reader: Reader, user_id: int, batch: Batch) -> AsyncIterator[bytes]:
    """Yield a GeoJSON feature that has the positions of the points as a MultiPoint, which may be
    empty.
    """
    yield b'{"type":"Feature","geometry":{"type":"MultiPoint","coordinates":['
    async for text in stream_texts(reader, POSITIONS, user_id, batch, b","):
        yield text
    yield b']},"properties":{"user":%d}}' % user_id


@router.get("/track.ndjson", responses=problem_responses(404), response_class=StreamingResponse)
async def stream_ndjson(user_id: Id, reader: Read) -> StreamingResponse:
    """Download the points of a user as one JSON document per line, in the form that /points/ndjson
    accepts.
    """
    batch = await read_first_batch(reader, LINES, user_id)
    lines = stream_texts(reader, LINES, user_id, batch)
    return StreamingResponse(lines, media_type="application/x-ndjson")


@router.get("/track.geojson", responses=problem_responses(404), response_class=StreamingResponse)
async def stream_geojson(user_id: Id, reader: Read) -> StreamingResponse:
    """Download the points of a user as a GeoJSON feature."""
    batch = await read_first_batch(reader, POSITIONS, user_id)
    return StreamingResponse(
        stream_feature(reader, user_id, batch), media_type="application/geo+json"
    )
