"""Parses JSON bodies strictly, and reports where a body is wrong."""

from codecs import BOM_UTF8
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json

from orm_async_tests.service.problems import excerpt

JSON = "application/json"


def media_type(request: Request) -> str:
    """Return the media type of the body, in lower case and without parameters."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def unsupported(request: Request, *supported: str) -> HTTPException:
    actual, wanted = excerpt(media_type(request)) or "of no type", " or ".join(supported)
    detail = f"the body is {actual}: send Content-Type: {wanted}"
    return HTTPException(415, detail, {"Accept": ", ".join(supported)})


def is_json(name: str) -> bool:
    """Return whether a media type is JSON, for example application/geo+json."""
    return name == JSON or (name.startswith("application/") and name.endswith("+json"))


class JsonRequest(Request):
    """A request whose body must be JSON in UTF-8 without NaN.

    The response to a syntax error names its line and column.
    """

    async def json(self) -> Any:
        try:
            # RFC 8259 lets a parser ignore a byte order mark.
            return from_json((await self.body()).removeprefix(BOM_UTF8), allow_inf_nan=False)
        except ValueError as error:
            raise HTTPException(422, f"the body is not JSON: {error}") from None


class JsonRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            if self.body_field is not None and not is_json(media_type(request)):
                raise unsupported(request, JSON)
            return await handle(JsonRequest(request.scope, request.receive))

        return handle_json
