"""Checks the headers of requests, and answers HEAD for every GET route."""

import re
from collections.abc import Sequence
from contextlib import suppress

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orm_async_tests.service.problems import excerpt, make_problem

SAFE = ("GET", "HEAD", "OPTIONS")
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/?#@\[\]]+)(:\d*)?", re.ASCII)  # RFC 9110, section 7.2


class HeadSent(Exception):
    """Raised after the response to HEAD, so that the GET endpoint sends no body."""


class HeaderChecks:
    """ASGI middleware that rejects unknown hosts, writes from other sites, and encoded bodies.

    A HEAD request gets the status and the headers of GET.

    In a browser, any web page can send requests to a service on this machine. The browser names the
    page's site in the header Origin (RFC 6454). Clients other than browsers do not send the header
    Origin.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self._app = app
        self._hosts = [host.lower() for host in hosts]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def send_head(message: Message) -> None:
            await send(message)
            await send({"type": "http.response.body"})
            raise HeadSent

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if scope["method"] != "HEAD":
            return await (refusal or self._app)(scope, receive, send)
        with suppress(HeadSent):
            await (refusal or self._app)({**scope, "method": "GET"}, receive, send_head)
        return None

    def _refusal(self, method: str, headers: Headers) -> JSONResponse | None:
        host = headers.get("Host", "").lower()
        if not self._is_served(host):
            detail = f"the host {excerpt(host)!r} is not served: add it to ORM_ASYNC_SERVICE_HOSTS"
            return make_problem(400, detail)
        if method in SAFE:
            return None
        origin = headers.get("Origin")
        if origin is not None and origin.partition("://")[2].lower() != host:
            detail = f"a page of the site {excerpt(origin)!r} must not write to this service"
            return make_problem(403, detail)
        coding = headers.get("Content-Encoding", "identity").strip().lower()
        if coding != "identity":
            detail = f"the body is encoded as {excerpt(coding)!r}: omit Content-Encoding"
            return make_problem(415, detail, {"Accept-Encoding": "identity"})
        return None

    def _is_served(self, host: str) -> bool:
        if "*" in self._hosts:
            return True
        match = HOST.fullmatch(host)
        return match is not None and any(
            match[1] in (name, f"[{name}]")
            or (name.startswith("*") and match[1].endswith(name[1:]))
            for name in self._hosts
        )
