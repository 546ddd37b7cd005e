"""HEAD wherever GET is, and which methods a path has (RFC 9110, 9.3.2 and 10.2.1)."""

from contextlib import suppress

from fastapi import Request
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Answered(Exception):
    """The head is sent, and the rest is not wanted."""


class Head:
    """Answers HEAD as GET without its body, of which nothing is read (ASGI middleware)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            await send(message)
            await send({"type": "http.response.body"})
            raise Answered

        with suppress(Answered):
            await self._app({**scope, "method": "GET"}, receive, sent)


def allowed(request: Request) -> str:
    """The methods that this path has, for Allow."""

    def has(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    found = [method for method in METHODS if has(method)]
    return ", ".join([*found, "HEAD"] if "GET" in found else found)
