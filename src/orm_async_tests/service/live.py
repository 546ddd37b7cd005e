"""Sends new points as server-sent events.

One connection runs LISTEN for all clients of the process. A notification wakes the clients that
watch one user. The clients read new points from the table, so a lost notification loses no point.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from asyncpg import InternalClientError
from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.models import TrackPoint, User
from orm_async_tests.service.connection import LOGGER
from orm_async_tests.service.etags import not_found
from orm_async_tests.service.points import CHANNEL
from orm_async_tests.service.problems import UNWRAPPED, problem_responses
from orm_async_tests.service.schemas import MAX_ID, EventId, Id, PointOut
from orm_async_tests.service.sessions import FairPool, Rows
from orm_async_tests.service.settings import Settings
from orm_async_tests.service.state import state_of

BATCH = 100  # points
NEW_POINTS = (
    select(*TrackPoint.__table__.c)
    .where(TrackPoint.user_id == bindparam("user_id"), TrackPoint.id > bindparam("last_id"))
    .order_by(TrackPoint.id)
    .limit(BATCH)
)
NEWEST_ID = select(func.max(TrackPoint.id)).where(TrackPoint.user_id == User.id).scalar_subquery()
NEWEST_ID_OF_USER = select(NEWEST_ID.label("id")).where(User.id == bindparam("user_id"))
RECONNECT_DELAY = 0.5  # seconds until a listener whose connection is lost connects again
# InternalClientError: the server has ended the connection, but not closed it yet.
LISTENER_ERRORS = (DBAPIError, *UNWRAPPED, InternalClientError, OSError, TimeoutError)

router = APIRouter(tags=["live"])


class Hub:
    """Wakes the clients that watch a user when the user has new points."""

    def __init__(self) -> None:
        self.is_listening = asyncio.Event()
        self.is_closed = False
        self._clients: dict[asyncio.Event, int] = {}  # maps each client to a user's id

    def wake(self, user_id: int | None = None) -> None:
        for client, user in self._clients.items():
            if user_id in (user, None):
                client.set()

    def close(self) -> None:
        self.is_closed = True
        self.wake()

    @contextmanager
    def client_of(self, user_id: int) -> Iterator[asyncio.Event]:
        client = asyncio.Event()
        self._clients[client] = user_id
        try:
            yield client
        finally:
            del self._clients[client]

    async def listen(self, engine: AsyncEngine) -> None:
        """Listen until the task is cancelled. Connect again after a lost connection."""
        while True:
            try:
                await self._listen_until_lost(engine)
            except LISTENER_ERRORS as error:
                LOGGER.warning("live streams send new points late, without LISTEN: %s", error)
            await asyncio.sleep(RECONNECT_DELAY)

    async def _listen_until_lost(self, engine: AsyncEngine) -> None:
        lost = asyncio.Event()
        async with engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            driver.add_termination_listener(lambda _: lost.set())
            await driver.add_listener(CHANNEL, lambda *arguments: self.wake(int(arguments[-1])))
            self.is_listening.set()
            self.wake()  # notifications may have been lost (test112)
            await lost.wait()


def format_events(points: Rows) -> bytes:
    events = []
    for point in points:
        document = PointOut.model_validate(point).model_dump_json()
        events.append(format_sse_event(id=str(point.id), event="point", data_str=document))
    return b"".join(events)


async def stream_events(
    hub: Hub, reader: FairPool, user_id: int, last_id: int, settings: Settings
) -> AsyncIterator[bytes]:
    """Yield an event for each point after `last_id`, for `settings.live_for` seconds.

    The stream also contains comments, so that proxies do not close an idle connection. When the
    stream ends, a browser reconnects, and continues after the last event that it received.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + settings.live_for
    with hub.client_of(user_id) as client:
        yield format_sse_event(comment="listening")
        while not hub.is_closed and (remaining := end - loop.time()) > 0:
            client.clear()
            points = await reader.rows(NEW_POINTS, {"user_id": user_id, "last_id": last_id})
            if points:
                yield format_events(points)
                last_id = points[-1].id
                continue
            try:
                await asyncio.wait_for(client.wait(), min(remaining, settings.keep_alive))
            except TimeoutError:
                yield format_sse_event(comment="still here")


class EventStream(StreamingResponse):
    media_type = "text/event-stream"


@router.get("/users/{user_id}/live", responses=problem_responses(404), response_class=EventStream)
async def stream_live(
    user_id: Id, request: Request, last_event_id: Annotated[EventId, Header()] = MAX_ID
) -> EventStream:
    """Stream a user's new points as soon as they are committed.

    With the header Last-Event-ID, the stream begins after the point with this id.
    """
    state = state_of(request.app)
    rows = await state.primary.rows(NEWEST_ID_OF_USER, {"user_id": user_id})
    if not rows:  # a 404 must precede the response
        raise not_found(User)
    last_id = min(last_event_id, rows[0].id or 0)
    # FastAPI 0.165 logs a traceback when a client leaves a generator that FastAPI itself runs.
    events = stream_events(state.hub, state.primary, user_id, last_id, state.settings)
    return EventStream(events)
