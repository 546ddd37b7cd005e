"""New points as server-sent events: one LISTEN for all, the table for what was missed."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, format_sse_event
from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.models import TrackPoint, User
from orm_async_tests.service.parameters import EventId, Id, Omittable
from orm_async_tests.service.points import CHANNEL
from orm_async_tests.service.problems import problem_responses
from orm_async_tests.service.reads import Reader
from orm_async_tests.service.schemas import PointOut
from orm_async_tests.service.settings import Settings
from orm_async_tests.service.users import user_not_found

BATCH = 100
USERS, POINTS = User.__table__.c, TrackPoint.__table__.c
NEWER = select(*POINTS).where(POINTS.user_id == bindparam("user_id"), POINTS.id > bindparam("last"))
NEWER = NEWER.order_by(POINTS.id).limit(BATCH)
LAST = select(func.max(POINTS.id)).where(POINTS.user_id == USERS.id).scalar_subquery()
NEWEST = select(LAST.label("last")).where(USERS.id == bindparam("user_id"))
RECONNECT_AFTER = 0.5  # seconds until a listener that was lost connects again
LISTENER_ERRORS = (DBAPIError, OSError, TimeoutError)

router = APIRouter(tags=["live"])


class Hub:
    """Wakes the clients of a user when that user has new points."""

    def __init__(self) -> None:
        self.listens = asyncio.Event()  # set once it has listened
        self.closed = False
        self._clients: dict[int, set[asyncio.Event]] = defaultdict(set)

    def wake(self, user_id: int) -> None:
        """Wake the user's clients."""
        for client in self._clients.get(user_id, ()):
            client.set()

    def wake_all(self) -> None:
        """Wake every client: notifications may have been missed (test112)."""
        for user_id in list(self._clients):
            self.wake(user_id)

    def close(self) -> None:
        """Let every client's stream end: the process is about to stop."""
        self.closed = True
        self.wake_all()

    def join(self, user_id: int) -> asyncio.Event:
        """An event that is set at the user's news, until leave()."""
        client = asyncio.Event()
        self._clients[user_id].add(client)
        return client

    def leave(self, user_id: int, client: asyncio.Event) -> None:
        """Forget the client."""
        self._clients[user_id].discard(client)
        if not self._clients[user_id]:
            del self._clients[user_id]

    async def listen(self, engine: AsyncEngine) -> None:
        """Listen until cancelled, over one connection of this engine after another."""
        while True:
            with suppress(*LISTENER_ERRORS):
                await self._listen_once(engine)
            await asyncio.sleep(RECONNECT_AFTER)

    async def _listen_once(self, engine: AsyncEngine) -> None:
        lost = asyncio.Event()
        async with engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            driver.add_termination_listener(lambda _: lost.set())
            await driver.add_listener(CHANNEL, lambda *note: self.wake(int(note[-1])))
            self.listens.set()
            self.wake_all()
            await lost.wait()


async def newer(reader: Reader, user_id: int, last: int) -> list[tuple[int, str]]:
    """Ids and documents of the points after the last that was sent, a batch at most."""
    found = await reader.rows(NEWER, {"user_id": user_id, "last": last})
    return [(point.id, PointOut.model_validate(point).model_dump_json()) for point in found]


async def newest(reader: Reader, user_id: int) -> int:
    """The id of the user's last point, or 0. Raises HTTPException 404 if there is no such user."""
    rows = await reader.rows(NEWEST, {"user_id": user_id})
    if not rows:
        raise user_not_found()
    return rows[0].last or 0


async def events(
    hub: Hub, reader: Reader, user_id: int, last: int, settings: Settings
) -> AsyncIterator[bytes]:
    """The points after `last`, as they come; a comment when there was nothing for a while.

    It ends after live_for seconds: clients come again by themselves, and go on where they were.
    """
    loop, client = asyncio.get_running_loop(), hub.join(user_id)
    end = loop.time() + settings.live_for
    try:
        yield format_sse_event(comment="listening")
        while not hub.closed and (left := end - loop.time()) > 0:
            client.clear()
            while not hub.closed and (points := await newer(reader, user_id, last)):
                yield b"".join(
                    format_sse_event(id=str(number), event="point", data_str=document)
                    for number, document in points
                )
                last = points[-1][0]
            try:
                await asyncio.wait_for(client.wait(), min(left, settings.keep_alive))
            except TimeoutError:
                yield format_sse_event(comment="still here")
    finally:
        hub.leave(user_id, client)


@router.get(
    "/users/{user_id}/live", responses=problem_responses(404), response_class=StreamingResponse
)
async def live(
    user_id: Id,
    request: Request,
    last_event_id: Annotated[EventId | None, Omittable(), Header()] = None,
) -> EventSourceResponse:
    """A user's new points as they are committed; Last-Event-ID goes on where a client stopped."""
    state = request.app.state
    now = await newest(state.fresh_reader, user_id)  # before the answer begins
    last = now if last_event_id is None else last_event_id
    # FastAPI runs no generator here: its tasks log a traceback when a client goes away (0.165).
    return EventSourceResponse(events(state.hub, state.fresh_reader, user_id, last, state.settings))
