"""A whole track, streamed over a server-side cursor: NDJSON and GeoJSON."""

import json
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from sqlalchemy import select

from orm_async_tests.models import TrackPoint, User
from orm_async_tests.service.problems import Refused, answers
from orm_async_tests.service.sessions import OwnSessions, Sessions
from orm_async_tests.service.users import Id

BATCH = 1000  # rows of each fetch

router = APIRouter(prefix="/users/{user_id}", tags=["tracks"])


async def known(sessions: Sessions, user_id: int) -> None:
    """Raises Refused (404) if there is no such user: once an answer has begun it is too late."""
    async with sessions() as session:
        if await session.scalar(select(User.id).where(User.id == user_id)) is None:
            raise Refused(404, "there is no such user")


async def positions(
    sessions: Sessions, user_id: int
) -> AsyncIterator[list[tuple[int, float, float, str]]]:
    """The user's points by id, in batches, over a session of the stream's own."""
    track = select(TrackPoint.id, TrackPoint.lat, TrackPoint.lon, TrackPoint.date)
    mine = track.where(TrackPoint.user_id == user_id).order_by(TrackPoint.id)
    async with sessions() as session:
        rows = await session.stream(mine, execution_options={"yield_per": BATCH})
        async for batch in rows.partitions():
            yield [(id_, lat, lon, date.isoformat()) for id_, lat, lon, date in batch]


async def as_ndjson(sessions: Sessions, user_id: int) -> AsyncIterator[str]:
    """One document in each line, as /points/ndjson takes them."""
    async for batch in positions(sessions, user_id):
        yield "".join(
            f'{{"lat":{lat!r},"lon":{lon!r},"date":"{date}"}}\n' for _, lat, lon, date in batch
        )


async def as_geojson(sessions: Sessions, user_id: int) -> AsyncIterator[str]:
    """A feature: the positions as a MultiPoint, which one point or none may be too."""
    yield '{"type":"Feature","geometry":{"type":"MultiPoint","coordinates":['
    comma = ""
    async for batch in positions(sessions, user_id):
        yield comma + ",".join(f"[{lon!r},{lat!r}]" for _, lat, lon, _ in batch)
        comma = ","
    yield f']}},"properties":{json.dumps({"user": user_id})}}}'


@router.get("/track.ndjson", responses=answers(404), response_class=StreamingResponse)
async def ndjson(user_id: Id, sessions: OwnSessions) -> StreamingResponse:
    """A user's points, one JSON document in each line."""
    await known(sessions, user_id)
    return StreamingResponse(as_ndjson(sessions, user_id), media_type="application/x-ndjson")


@router.get("/track.geojson", responses=answers(404), response_class=StreamingResponse)
async def geojson(user_id: Id, sessions: OwnSessions) -> StreamingResponse:
    """A user's points as a GeoJSON feature."""
    await known(sessions, user_id)
    return StreamingResponse(as_geojson(sessions, user_id), media_type="application/geo+json")
