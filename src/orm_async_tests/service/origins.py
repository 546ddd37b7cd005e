"""A page on another site cannot write: its browser names the page's origin (RFC 6454)."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from orm_async_tests.service.problems import problem

SAFE = ("GET", "HEAD", "OPTIONS")


class Origins:
    """Answers 403 to a write from a page that this host did not serve (ASGI middleware)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; programs send no Origin."""
        if scope["type"] == "http" and scope["method"] not in SAFE:
            headers = Headers(scope=scope)
            origin, host = headers.get("Origin"), headers.get("Host", "")
            if origin is not None and origin.partition("://")[2].lower() != host.lower():
                foreign = problem(403, f"a page of {origin[:100]} may not write here")
                await foreign(scope, receive, send)
                return
        await self._app(scope, receive, send)
