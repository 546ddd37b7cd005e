"""Many points at once: JSON, an NDJSON stream, a GPX file; all or nothing."""

import asyncio
import hashlib
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import TypeAdapter, ValidationError

from orm_async_tests.service.gpx import track_points
from orm_async_tests.service.idempotency import Key, digest_of
from orm_async_tests.service.json_bodies import JsonRoute, media_type, unsupported
from orm_async_tests.service.loading import load
from orm_async_tests.service.parameters import Id
from orm_async_tests.service.problems import describe, problem_responses
from orm_async_tests.service.schemas import Loaded, PointIn
from orm_async_tests.service.sessions import WriteSession

LINES = TypeAdapter(list[tuple[PointIn]])
LINE = 10_000  # bytes that a line may have
PIECE = 4096  # bytes that are read before others are served

router = APIRouter(prefix="/users/{user_id}/points", tags=["bulk"], route_class=JsonRoute)


def bad_line(number: int, why: str) -> HTTPException:
    """The answer to a stream with such a line: nothing of it was kept."""
    return HTTPException(422, f"line {number}: {why}; nothing was added")


def points_of(lines: list[bytes], before: int) -> list[PointIn]:
    """A point for each line that is not blank; raises HTTPException 422, naming the line.

    They are read as one document, which takes two thirds of the time. Each line is an array in it,
    of one point. No line reaches beyond its own: none has a bracket, and a string that went on in
    the next one would have a newline in it, which JSON forbids.
    """
    text = b"\n".join(line for line in lines if line.strip())
    if text and b"[" not in text and b"]" not in text:
        with suppress(ValidationError):
            whole = b"[[%b]]" % text.replace(b"\n", b"],\n[")
            return [point for (point,) in LINES.validate_json(whole)]
    return list(one_by_one(lines, before))


def one_by_one(lines: list[bytes], before: int) -> Iterator[PointIn]:
    """The same, line by line, so that a bad one is found."""
    for number, line in enumerate(lines, before + 1):
        if not line.strip():
            continue
        try:
            yield PointIn.model_validate_json(line)
        except ValidationError as error:
            # Of JSON's own errors, the line is always 1: that of the stream is named instead.
            why = describe(error.errors()[0]).replace(" at line 1 column ", " at column ")
            raise bad_line(number, why) from None


class Upload:
    """A body that is read as it comes, in pieces of one size; others are served between them."""

    def __init__(self, request: Request) -> None:
        self._stream = request.stream()
        self._sha256 = hashlib.sha256(f"POST {request.url.path} ".encode())

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, however much of it the client sends at a time."""
        rest = bytearray()
        async for chunk in self._stream:
            self._sha256.update(chunk)
            rest += chunk
            while len(rest) >= PIECE:
                yield bytes(rest[:PIECE])
                del rest[:PIECE]
                await asyncio.sleep(0)
        yield bytes(rest)

    async def digest(self) -> str:
        """The SHA-256 of the whole body; reads what is left of it."""
        async for _ in self.pieces():
            pass
        return self._sha256.hexdigest()

    async def _lines(self) -> AsyncIterator[list[bytes]]:
        """The lines that end in each piece."""
        rest = b""
        before = 0
        async for piece in self.pieces():
            *whole, rest = (rest + piece).split(b"\n")
            yield whole
            before += len(whole)
            if len(rest) > LINE:
                raise bad_line(before + 1, f"it is longer than {LINE} bytes")
        yield [rest]

    async def points(self) -> AsyncIterator[list[PointIn]]:
        """A point for each line that is not blank; raises HTTPException 422, naming the line."""
        before = 0
        async for lines in self._lines():
            if lines and not before:
                lines[0] = lines[0].removeprefix(BOM_UTF8)  # RFC 8259 lets a parser ignore it
            yield points_of(lines, before)
            before += len(lines)


async def at_once(points: list[PointIn]) -> AsyncIterator[list[PointIn]]:
    """Points that are there already."""
    yield points


@router.post("/bulk", status_code=201, responses=problem_responses(404, 409, 415))
async def bulk(
    user_id: Id, points: list[PointIn], session: WriteSession, key: Key = None
) -> Loaded:
    """Add the points of a JSON array."""
    rows = [(user_id, point.lat, point.lon, point.date) for point in points]
    digest = digest_of(f"POST /users/{user_id}/points/bulk {rows}")
    return await load(session, user_id, at_once(points), key, digest)


def streamed_body(*media_types: str) -> dict[str, Any]:
    """A route's body that is read as it comes: refused if it is of another type, and described.

    What a form of another site can send without asking has none of these types.
    """

    async def only_these(request: Request) -> None:
        if media_type(request) not in media_types:
            raise unsupported(request, *media_types)

    content = {each: {"schema": {"type": "string", "format": "binary"}} for each in media_types}
    body = {"requestBody": {"content": content, "required": True}}
    return {"dependencies": [Depends(only_these)], "openapi_extra": body}


@router.post(
    "/ndjson",
    status_code=201,
    responses=problem_responses(404, 409, 415),
    **streamed_body("application/x-ndjson", "application/ndjson"),
)
async def ndjson(user_id: Id, request: Request, session: WriteSession, key: Key = None) -> Loaded:
    """Add the points of a stream with one JSON document in each line."""
    upload = Upload(request)
    return await load(session, user_id, upload.points(), key, upload.digest)


@router.post(
    "/gpx",
    status_code=201,
    responses=problem_responses(404, 409, 415),
    **streamed_body("application/gpx+xml", "application/xml"),
)
async def gpx(user_id: Id, request: Request, session: WriteSession, key: Key = None) -> Loaded:
    """Add the points of a GPX file's tracks."""
    upload = Upload(request)
    return await load(session, user_id, track_points(upload.pieces()), key, upload.digest)
