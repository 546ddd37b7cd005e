"""Limits the number of simultaneous requests, and the size and duration of their bodies."""

import asyncio
from collections import Counter
from contextlib import suppress

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orm_async_tests.service.connection import LOGGER, SHUTDOWN_TIMEOUT
from orm_async_tests.service.problems import RETRY_AFTER, make_problem
from orm_async_tests.service.settings import Settings

UNLIMITED = ("/health", "/metrics")
UPLOADS = ("ndjson", "gpx")  # last path segments with a streamed request body
STREAMS = ("live", "track.ndjson", "track.geojson")  # last path segments with a streamed response
WITHOUT_BODY = ("GET", "HEAD")  # no route reads a body for these methods
CLOSE = {"Connection": "close"}  # the rest of the body is not read
TWO_LENGTHS = "the request has Content-Length and Transfer-Encoding: send only one of them", CLOSE


def kind_of(scope: Scope) -> str:
    """Return "uploads", "streams" or "requests" as the kind of a request.

    Each kind of request has its own limit, so that slow uploads do not block other requests.
    """
    name = scope["path"].rpartition("/")[2]
    if name in UPLOADS and scope["method"] == "POST":
        return "uploads"
    return "streams" if name in STREAMS and scope["method"] == "GET" else "requests"


class Bodies:
    """Limits how long the service waits for the body of a request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._timeouts: set[asyncio.Timeout] = set()
        self._stopping = False

    def stop(self) -> None:
        """From now on, wait at most SHUTDOWN_TIMEOUT for the next part of a request's body."""
        self._stopping = True
        deadline = asyncio.get_running_loop().time() + SHUTDOWN_TIMEOUT
        for timeout in self._timeouts:
            if not timeout.expired():
                timeout.reschedule(deadline)

    def limit(self, scope: Scope, receive: Receive, max_size: int) -> Receive:
        """Return an ASGI receive() that raises HTTPException if a body is too long or too slow.

        A client has `receive_timeout` seconds to send the body, and one more second for every
        `receive_rate` bytes. The service counts only the time that it waits for the client.
        """
        received, waited, complete = 0, 0.0, False
        loop = asyncio.get_running_loop()

        async def limited() -> Message:
            nonlocal received, waited, complete
            if complete:
                return await receive()  # returns when the client leaves
            allowed = self._settings.receive_timeout + received / self._settings.receive_rate
            began = loop.time()
            message = await self._within(allowed - waited, receive)
            waited += loop.time() - began
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if message["type"] == "http.disconnect":
                LOGGER.info(
                    "during %s %s, the client disconnected after sending %d bytes of the body",
                    scope["method"],
                    scope["path"],
                    received,
                )
            if received > max_size:
                raise HTTPException(413, f"the body is longer than {max_size} bytes")
            return message

        return limited

    async def _within(self, seconds: float, receive: Receive) -> Message:
        if self._stopping:
            seconds = min(seconds, SHUTDOWN_TIMEOUT)
        try:
            async with asyncio.timeout(seconds) as timeout:
                self._timeouts.add(timeout)
                try:
                    return await receive()
                finally:
                    self._timeouts.discard(timeout)
        except TimeoutError:
            if self._stopping:
                stops = "the service is stopping: send the request again"
                raise HTTPException(503, stops, RETRY_AFTER | CLOSE) from None
            slow = "the body arrives too slowly; nothing was added"
            raise HTTPException(408, slow, CLOSE) from None


class Limits:
    """ASGI middleware that answers 503 while too many requests are being served.

    A request with both Content-Length and Transfer-Encoding gets 400. The parameter `running`
    counts the current requests of each kind.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, bodies: Bodies, running: Counter[str]
    ) -> None:
        self._app, self._settings, self._bodies, self._running = app, settings, bodies, running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        # If a body has two lengths, a proxy could use the other length, and treat the rest as
        # another request. h11 accepts such a body, although RFC 9112, section 6.3, lets it refuse.
        if "Content-Length" in headers and "Transfer-Encoding" in headers:
            return await make_problem(400, *TWO_LENGTHS)(scope, receive, send)
        if scope["path"].startswith(UNLIMITED):
            return await self._app(scope, receive, send)
        kind = kind_of(scope)
        if self._running[kind] >= getattr(self._settings, f"max_{kind}"):
            busy = make_problem(503, f"the service handles too many {kind}: try again", RETRY_AFTER)
            return await busy(scope, receive, send)
        if scope["method"] not in WITHOUT_BODY:
            limits = self._settings
            max_size = limits.max_upload if kind == "uploads" else limits.max_body
            receive = self._bodies.limit(scope, receive, max_size)
        self._running[kind] += 1
        try:
            with suppress(ClientDisconnect):  # the class Bodies has logged the error
                await self._app(scope, receive, send)
        finally:
            self._running[kind] -= 1
        return None
