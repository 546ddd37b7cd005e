"""Sends a user's track as a stream, in NDJSON or GeoJSON.

A client may read a track slowly. The stream keeps no connection while it waits for the client,
because a separate statement reads each batch of points. The database server writes a batch as one
JSON text, which costs this process the least work.
"""

from collections.abc import AsyncIterator, Sequence
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
    """Return a query for the points after an id, as one text of JSON documents. If the user does
    not exist, the query returns no row.
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


async def read_first_batch(reader: FairPool, query: TextClause, user_id: int) -> Sequence[Row[Any]]:
    """Return the first batch, which the route reads before the response begins, so that it can
    still answer 404.
    """
    rows = await reader.rows(query, {"user_id": user_id, "after": 0})
    if not rows:
        raise not_found(User)
    return rows


async def stream_batches(
    reader: FairPool, query: TextClause, user_id: int, rows: Sequence[Row[Any]], separator: str = ""
) -> AsyncIterator[str]:
    """Yield the text of the first batch in `rows`, and of each following batch."""
    before = ""
    while rows and rows[0].points:
        points, last = rows[0].points, rows[0].last
        yield before + rows[0].text
        if points < BATCH:
            return
        before = separator
        rows = await reader.rows(query, {"user_id": user_id, "after": last})


async def stream_feature(
    reader: FairPool, user_id: int, rows: Sequence[Row[Any]]
) -> AsyncIterator[str]:
    """Yield a GeoJSON feature whose geometry is a MultiPoint of all positions."""
    yield '{"type":"Feature","geometry":{"type":"MultiPoint","coordinates":['
    async for positions in stream_batches(reader, POSITIONS, user_id, rows, ","):
        yield positions
    yield f']}},"properties":{{"user":{user_id}}}}}'


@router.get("/track.ndjson", responses=problem_responses(404), response_class=StreamingResponse)
async def stream_ndjson(user_id: Id, reader: Read) -> StreamingResponse:
    """Download a user's points as NDJSON, one JSON document per line. The route /points/ndjson
    accepts this form.
    """
    rows = await read_first_batch(reader, LINES, user_id)
    lines = stream_batches(reader, LINES, user_id, rows)
    return StreamingResponse(lines, media_type="application/x-ndjson")


@router.get("/track.geojson", responses=problem_responses(404), response_class=StreamingResponse)
async def stream_geojson(user_id: Id, reader: Read) -> StreamingResponse:
    """Download a user's points as a GeoJSON feature."""
    rows = await read_first_batch(reader, POSITIONS, user_id)
    feature = stream_feature(reader, user_id, rows)
    return StreamingResponse(feature, media_type="application/geo+json")
