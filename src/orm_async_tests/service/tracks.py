"""A whole track, streamed over a server-side cursor: NDJSON and GeoJSON.

The server writes each point's JSON, and the statement is Core's: a row of one text, made into no
object, needs the least work of this process (benchmarks/service.py).
"""

from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from sqlalchemy import ColumnElement, func, select

from orm_async_tests.models import TrackPoint
from orm_async_tests.service.parameters import Id
from orm_async_tests.service.problems import problem_responses
from orm_async_tests.service.reads import Read
from orm_async_tests.service.sessions import ReadSessions, Sessions
from orm_async_tests.service.users import require_user

BATCH = 5000  # rows of each fetch
POINTS = TrackPoint.__table__.c
DATE = func.to_json(POINTS.date)  # as ISO 8601, in the session's time zone: UTC
LINE = func.concat('{"lat":', POINTS.lat, ',"lon":', POINTS.lon, ',"date":', DATE, "}\n")
POSITION = func.concat("[", POINTS.lon, ",", POINTS.lat, "]")

router = APIRouter(prefix="/users/{user_id}", tags=["tracks"])


async def texts(
    sessions: Sessions, user_id: int, text: ColumnElement[str], between: str
) -> AsyncIterator[str]:
    """A text for each of the user's points by id, in batches; the stream has its own session."""
    mine = select(text).where(POINTS.user_id == user_id).order_by(POINTS.id)
    async with sessions.one() as session:
        connection = await session.connection()
        found = await connection.stream_scalars(mine, execution_options={"yield_per": BATCH})
        first = True
        async for batch in found.partitions():
            yield between.join(batch) if first else between + between.join(batch)
            first = False


async def feature(sessions: Sessions, user_id: int) -> AsyncIterator[str]:
    """A feature: the positions as a MultiPoint, which one point or none may be too."""
    yield '{"type":"Feature","geometry":{"type":"MultiPoint","coordinates":['
    async for batch in texts(sessions, user_id, POSITION, ","):
        yield batch
    yield f']}},"properties":{{"user":{user_id}}}}}'


@router.get("/track.ndjson", responses=problem_responses(404), response_class=StreamingResponse)
async def ndjson(user_id: Id, reader: Read, sessions: ReadSessions) -> StreamingResponse:
    """A user's points, one JSON document in each line, as /points/ndjson takes them."""
    await require_user(reader, user_id)  # before the answer begins
    lines = texts(sessions, user_id, LINE, "")
    return StreamingResponse(lines, media_type="application/x-ndjson")


@router.get("/track.geojson", responses=problem_responses(404), response_class=StreamingResponse)
async def geojson(user_id: Id, reader: Read, sessions: ReadSessions) -> StreamingResponse:
    """A user's points as a GeoJSON feature."""
    await require_user(reader, user_id)  # before the answer begins
    return StreamingResponse(feature(sessions, user_id), media_type="application/geo+json")
