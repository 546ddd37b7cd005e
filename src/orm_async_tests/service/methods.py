"""HEAD for every route of GET, and the header Allow (RFC 9110, sections 9.3.2 and 10.2.1)."""

from contextlib import suppress

from fastapi import Request
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class HeadSent(Exception):
    """The response to HEAD is complete, so the GET behind it must not go on."""


class HeadAsGet:
    """Answer HEAD with the status and headers of GET, and stop before the body (ASGI)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send(message)
            await send({"type": "http.response.body"})
            raise HeadSent

        with suppress(HeadSent):
            await self._app({**scope, "method": "GET"}, receive, send_head)


def allowed_methods(request: Request) -> str:
    """Return the methods that the request's path has, as a value of the header Allow."""

    def is_allowed(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    methods = [method for method in METHODS if is_allowed(method)]
    return ", ".join([*methods, "HEAD"] if "GET" in methods else methods)
