"""Sends a user's track as a stream, in NDJSON or GeoJSON.

A separate statement reads each batch of points. While a stream waits for its client, it uses no
database connection. The database server converts each batch to JSON, so the service has little
work.
"""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from sqlalchemy import TextClause, text

from orm_async_tests.models import User
from orm_async_tests.service.etags import not_found
from orm_async_tests.service.problems import problem_responses
from orm_async_tests.service.schemas import Id
from orm_async_tests.service.sessions import FairPool, Read

BATCH = 1000  # points; if a client does not read, two batches stay in memory

router = APIRouter(prefix="/users/{user_id}", tags=["tracks"])


def select_batch(document: str, separator: str) -> TextClause:
    """Return a query for the next BATCH points of a user, joined into one text.

    The query returns points whose id is greater than `:after`. The query returns no row if the user
    does not exist.
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


class Batch(NamedTuple):
    """A part of a track: its points as JSON, the last point's id, and the number of points."""

    text: bytes
    last: int
    points: int


async def read_batch(
    reader: FairPool, query: TextClause, user_id: int, after: int = 0
) -> Batch | None:
    rows = await reader.rows(query, {"user_id": user_id, "after": after})
    # Encoding the text now frees the row before the client reads.
    return Batch(rows[0].text.encode(), rows[0].last, rows[0].points) if rows else None


async def read_first_batch(reader: FairPool, query: TextClause, user_id: int) -> Batch:
    """Read the first batch before the response begins, so that the route can still answer 404."""
    batch = await read_batch(reader, query, user_id)
    if batch is None:
        raise not_found(User)
    return batch


async def stream_texts(
    reader: FairPool, query: TextClause, user_id: int, batch: Batch | None, separator: bytes = b""
) -> AsyncIterator[bytes]:
    before = b""
    while batch and batch.points:
        yield before + batch.text if before else batch.text
        before = separator
        if batch.points < BATCH:
            return
        batch = await read_batch(reader, query, user_id, batch.last)


async def stream_feature(reader: FairPool, user_id: int, batch: Batch) -> AsyncIterator[bytes]:
    yield b'{"type":"Feature","geometry":{"type":"MultiPoint","coordinates":['
    async for positions in stream_texts(reader, POSITIONS, user_id, batch, b","):
        yield positions
    yield b']},"properties":{"user":%d}}' % user_id


GEOJSON: dict[int | str, dict[str, Any]] = {  # FastAPI would describe the document as a string
    200: {"content": {"application/geo+json": {"schema": {"type": "object"}}}}
}


class NdjsonResponse(StreamingResponse):
    media_type = "application/x-ndjson"


class GeoJsonResponse(StreamingResponse):
    media_type = "application/geo+json"


@router.get("/track.ndjson", responses=problem_responses(404), response_class=NdjsonResponse)
async def stream_ndjson(user_id: Id, reader: Read) -> NdjsonResponse:
    """Download a user's points as NDJSON, one JSON document per line.

    You can upload the downloaded file again with the route /points/ndjson.
    """
    batch = await read_first_batch(reader, LINES, user_id)
    lines = stream_texts(reader, LINES, user_id, batch)
    return NdjsonResponse(lines)


@router.get(
    "/track.geojson", responses=problem_responses(404) | GEOJSON, response_class=GeoJsonResponse
)
async def stream_geojson(user_id: Id, reader: Read) -> GeoJsonResponse:
    """Download a user's points as a GeoJSON feature."""
    batch = await read_first_batch(reader, POSITIONS, user_id)
    feature = stream_feature(reader, user_id, batch)
    return GeoJsonResponse(feature)
