"""Many points at once: JSON, an NDJSON stream, a GPX file; all or nothing."""

import asyncio
import hashlib
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import TypeAdapter, ValidationError

from orm_async_tests.service.copying import encoded
from orm_async_tests.service.gpx import track_points
from orm_async_tests.service.idempotency import Key, make_digest
from orm_async_tests.service.json_bodies import JsonRoute, media_type, unsupported
from orm_async_tests.service.loading import FEW, copy_points, insert_points
from orm_async_tests.service.parameters import Id
from orm_async_tests.service.problems import describe, problem_responses
from orm_async_tests.service.schemas import Loaded, PointIn
from orm_async_tests.service.sessions import Sessions, WriteSession
from orm_async_tests.service.settings import Settings
from orm_async_tests.service.spool import Spool

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
        """Return the SHA-256 of the request, once its body has been read."""
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


@router.post("/bulk", status_code=201, responses=problem_responses(404, 409, 415))
async def bulk(
    user_id: Id, points: list[PointIn], session: WriteSession, key: Key = None
) -> Loaded:
    """Add the points of a JSON array."""
    rows = [(user_id, point.lat, point.lon, point.date) for point in points]
    digest = make_digest(f"POST /users/{user_id}/points/bulk {rows}")
    if len(points) > FEW:
        return await copy_points(session, user_id, encoded(user_id, at_once(points)), key, digest)
    return await insert_points(session, user_id, points, key, digest)


async def at_once(points: list[PointIn]) -> AsyncIterator[list[PointIn]]:
    """Yield all points together."""
    yield points


async def load(
    request: Request, user_id: int, upload: Upload, points: AsyncIterator[list[PointIn]], key: Key
) -> Loaded:
    """Receive all points of an upload, and only then take a connection to add them.

    A client may need an hour for its body. Raise HTTPException 404 or 409.
    """
    settings: Settings = request.app.state.settings
    sessions: Sessions = request.app.state.writing
    first: list[PointIn] = []
    async for some in points:
        first += some
        if len(first) > FEW:
            break
    else:
        async with sessions.begin() as session:
            return await insert_points(session, user_id, first, key, upload.digest)
    with Spool(settings.upload_memory) as spool:
        await spool.fill(encoded(user_id, chained(first, points)))
        async with sessions.begin() as session:
            return await copy_points(session, user_id, spool.parts(), key, upload.digest)


async def chained(
    first: list[PointIn], others: AsyncIterator[list[PointIn]]
) -> AsyncIterator[list[PointIn]]:
    """Yield the first points, then the others."""
    yield first
    async for some in others:
        yield some


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
async def ndjson(user_id: Id, request: Request, key: Key = None) -> Loaded:
    """Add the points of a stream with one JSON document in each line."""
    upload = Upload(request)
    return await load(request, user_id, upload, upload.points(), key)


@router.post(
    "/gpx",
    status_code=201,
    responses=problem_responses(404, 409, 415),
    **streamed_body("application/gpx+xml", "application/xml"),
)
async def gpx(user_id: Id, request: Request, key: Key = None) -> Loaded:
    """Add the points of a GPX file's tracks."""
    upload = Upload(request)
    return await load(request, user_id, upload, track_points(upload.pieces()), key)
