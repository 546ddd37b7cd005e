"""How much a client may send, and how many may be served at a time (ASGI middleware)."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orm_async_tests.service.problems import RETRY_AFTER, problem
from orm_async_tests.service.settings import Settings

ALWAYS = ("/health", "/metrics")
STREAMED = ("ndjson", "gpx")  # uploads that are never in memory as a whole
TWO_LENGTHS = "Content-Length and Transfer-Encoding contradict each other", {"Connection": "close"}


def two_lengths(scope: Scope) -> bool:
    """Whether another server may see a different end of this body, and a request in what is left.

    h11 takes what RFC 9112, 6.3 lets it refuse.
    """
    headers = Headers(scope=scope)
    return "Content-Length" in headers and "Transfer-Encoding" in headers


class Limits:
    """Answers 400 to a body of two lengths, 413 to a long one, 503 to one request too many."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and two_lengths(scope):
            return await problem(400, *TWO_LENGTHS)(scope, receive, send)
        if scope["type"] != "http" or scope["path"].startswith(ALWAYS):
            return await self._app(scope, receive, send)
        if self._requests >= self._settings.max_requests:
            busy = problem(503, "too many requests at a time: try again", RETRY_AFTER)
            return await busy(scope, receive, send)
        self._requests += 1
        try:
            return await self._app(scope, self._counted(scope, receive), send)
        finally:
            self._requests -= 1

    def _counted(self, scope: Scope, receive: Receive) -> Receive:
        settings = self._settings
        streamed = scope["path"].rpartition("/")[2] in STREAMED
        limit = settings.max_upload if streamed else settings.max_body
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, f"the body is longer than {limit} bytes")
            return message

        return counted
