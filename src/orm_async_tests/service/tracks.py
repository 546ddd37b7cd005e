"""Sends the track of a user as a stream. NDJSON and GeoJSON.

A client may read a track as slowly as it wants, so the stream keeps no connection while it waits
for the client. A separate statement reads each batch of points. The server writes the JSON of a
batch as one text, because one text is the least work for this process.
"""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from sqlalchemy import Row, TextClause, text

from orm_async_tests.models import User
from orm_async_tests.service.etags import not_found
from orm_async_tests.service.problems import problem_responses
from orm_async_tests.service.schemas import Id
from orm_async_tests.service.sessions import FairPool, Read

BATCH = 1000  # points; a client that does not read has two batches in memory

router = APIRouter(prefix="/users/{user_id}", tags=["tracks"])


def select_batch(document: str, separator: str) -> TextClause:
    """Return a query that joins the JSON documents of the points after an id.

    The query for a batch returns one row, or no row if the user does not exist.
    """
    return text(f"""
        SELECT batch.* FROM users, (
            SELECT coalesce(string_agg(document, '{separator}' ORDER BY id), '') AS text,
                max(id) AS last, count(*) AS points
            FROM (
                SELECT id, {document} AS document FROM track_points
                WHERE user_id = :user_id AND id > :after ORDER BY id LIMIT {BATCH}
            ) AS point
        ) AS batch WHERE users.id = :user_id
    """)


# to_json() writes a date as ISO 8601, in the session's time zone: UTC.
LINE = """concat('{"lat":', lat, ',"lon":', lon, ',"date":', to_json(date), E'}\\n')"""
LINES, POSITIONS = select_batch(LINE, ""), select_batch("concat('[', lon, ',', lat, ']')", ",")


async def read_first_batch(reader: FairPool, query: TextClause, user_id: int) -> Row[Any]:
    """Return the first points, so that the route can answer 404 before it begins a response. Raise
    HTTPException 404.
    """
    rows = await reader.rows(query, {"user_id": user_id, "after": 0})
    if not rows:
        raise not_found(User)
    return rows[0]


async def stream_texts(
    reader: FairPool, query: TextClause, user_id: int, batch: Row[Any], separator: str = ""
) -> AsyncIterator[str]:
    """Yield the text of the given batch and of all following batches. Only the last batch of points
    may have fewer points than the others.
    """
    before = ""
    while batch.points:
        yield before + batch.text
        before = separator
        if batch.points < BATCH:
            return
        rows = await reader.rows(query, {"user_id": user_id, "after": batch.last})
        if not rows:  # the user was deleted meanwhile
            return
        batch = rows[0]


async def stream_feature(reader: FairPool, user_id: int, batch: Row[Any]) -> AsyncIterator[str]:
    """Yield a GeoJSON feature that has the positions of the points as a MultiPoint, which may be
    empty.
    """
    yield '{"type":"Feature","geometry":{"type":"MultiPoint","coordinates":['
    async for positions in stream_texts(reader, POSITIONS, user_id, batch, ","):
        yield positions
    yield f']}},"properties":{{"user":{user_id}}}}}'


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
