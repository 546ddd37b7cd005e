"""JSON request bodies: 415 for another media type, 422 with the place of a syntax error."""

from codecs import BOM_UTF8
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json

from orm_async_tests.service.problems import excerpt

JSON = "application/json"


def media_type(request: Request) -> str:
    """Return the media type of a request's body in lower case, without parameters."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def unsupported(request: Request, *supported: str) -> HTTPException:
    """Return the 415 for a body that has none of the supported media types."""
    actual, wanted = excerpt(media_type(request)) or "of no type", " or ".join(supported)
    detail = f"the body is {actual}: send Content-Type: {wanted}"
    return HTTPException(415, detail, {"Accept": ", ".join(supported)})


def is_json(name: str) -> bool:
    """Return whether a media type is JSON, for example application/geo+json."""
    return name == JSON or (name.startswith("application/") and name.endswith("+json"))


class JsonRequest(Request):
    """A request whose JSON is read strictly: UTF-8, no NaN, and a place in each error."""

    async def json(self) -> Any:
        """Return the document. Raise HTTPException 422."""
        try:
            # RFC 8259 lets a parser ignore a byte order mark.
            return from_json((await self.body()).removeprefix(BOM_UTF8), allow_inf_nan=False)
        except ValueError as error:
            raise HTTPException(422, f"the body is not JSON: {error}") from None


class JsonRoute(APIRoute):
    """A route that reads its body, if it has one, as JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, behind the check of the media type."""
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            if self.body_field is not None and not is_json(media_type(request)):
                raise unsupported(request, JSON)
            return await handle(JsonRequest(request.scope, request.receive))

        return handle_json
