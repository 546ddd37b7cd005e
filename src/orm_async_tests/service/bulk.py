"""Uploads of many points, all or none: a JSON array, an NDJSON stream or a GPX file."""

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Callable
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Any, Self, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Request

from orm_async_tests.service.bulk_insert import FEW, copy_points, encode_points, insert_points
from orm_async_tests.service.gpx import read_gpx
from orm_async_tests.service.idempotency import Key, make_digest
from orm_async_tests.service.json_bodies import JsonRoute, media_type, unsupported
from orm_async_tests.service.ndjson import read_ndjson
from orm_async_tests.service.parameters import Id
from orm_async_tests.service.problems import problem_responses
from orm_async_tests.service.schemas import Loaded, PointIn
from orm_async_tests.service.sessions import Sessions, WriteSession
from orm_async_tests.service.settings import Settings

PART = 32 * 1024  # bytes of one read

Result = TypeVar("Result")


class Spool:
    """Bytes that are written once and then read, without blocking the event loop on the disk.

    The temporary file is in TMPDIR and has no name, so it disappears when the block ends, and also
    when the process is killed.
    """

    def __init__(self, memory: int) -> None:
        """Keep up to `memory` bytes in memory."""
        self._memory = memory
        self._size = 0
        self._file = SpooledTemporaryFile[bytes](memory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    async def fill(self, parts: AsyncIterable[bytes]) -> None:
        """Write all parts. Raise HTTPException 503 if the disk is full or not writable."""
        async for part in parts:
            self._size += len(part)
            try:
                await self._call(self._file.write, part)
            except OSError as error:
                why = f"the service cannot store this upload: {error.strerror}; nothing was added"
                raise HTTPException(503, why, {"Retry-After": "60"}) from None

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the bytes from the start, PART at a time."""
        await self._call(self._file.seek, 0)
        while part := await self._call(self._file.read, PART):
            yield part

    async def _call(self, function: Callable[..., Result], *arguments: object) -> Result:
        if self._size <= self._memory:
            return function(*arguments)
        return await asyncio.to_thread(function, *arguments)


PIECE_SIZE = 4096  # bytes that are parsed before other requests are served

Batches = AsyncIterator[list[PointIn]]

router = APIRouter(prefix="/users/{user_id}/points", tags=["bulk"], route_class=JsonRoute)


class Upload:
    """A request's body, read as a stream."""

    def __init__(self, request: Request) -> None:
        self._stream = request.stream()
        self._sha256 = hashlib.sha256(f"POST {request.url.path} ".encode())

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces of PIECE_SIZE, and let other requests run between them."""
        rest = bytearray()
        async for chunk in self._stream:
            self._sha256.update(chunk)
            rest += chunk
            while len(rest) >= PIECE_SIZE:
                yield bytes(rest[:PIECE_SIZE])
                del rest[:PIECE_SIZE]
                await asyncio.sleep(0)
        yield bytes(rest)

    async def digest(self) -> str:
        """Return the SHA-256 of the request. All pieces must have been read."""
        return self._sha256.hexdigest()


async def one_batch(points: list[PointIn]) -> Batches:
    """Yield all points as one batch."""
    yield points


async def chain(first: list[PointIn], others: Batches) -> Batches:
    """Yield the first points as one batch, then the batches of the other points."""
    yield first
    async for points in others:
        yield points


async def load(
    request: Request, user_id: int, upload: Upload, batches: Batches, key: str | None
) -> Loaded:
    """Receive all points of an upload, and only then take a connection to add them.

    A client may need an hour to send its body. Raise HTTPException 404, 409 or 422.
    """
    settings: Settings = request.app.state.settings
    sessions: Sessions = request.app.state.writing
    first: list[PointIn] = []
    async for points in batches:
        first += points
        if len(first) > FEW:
            break
    else:
        async with sessions.begin() as session:
            return await insert_points(session, user_id, first, key, upload.digest)
    with Spool(settings.upload_memory) as spool:
        await spool.fill(encode_points(user_id, chain(first, batches)))
        async with sessions.begin() as session:
            return await copy_points(session, user_id, spool.parts(), key, upload.digest)


@router.post("/bulk", status_code=201, responses=problem_responses(404, 409, 415))
async def load_json(
    user_id: Id, points: list[PointIn], session: WriteSession, key: Key = None
) -> Loaded:
    """Add the points of a JSON array."""
    rows = [(user_id, point.lat, point.lon, point.date) for point in points]
    digest = make_digest(f"POST /users/{user_id}/points/bulk {rows}")
    if len(points) <= FEW:
        return await insert_points(session, user_id, points, key, digest)
    encoded = encode_points(user_id, one_batch(points))
    return await copy_points(session, user_id, encoded, key, digest)


def streamed_body(*media_types: str) -> dict[str, Any]:
    """Return a route's arguments for a body that is read as a stream and has one of these types.

    Any other type is refused. A form on another site cannot send these media types without a
    preflight request.
    """

    async def check_media_type(request: Request) -> None:
        if media_type(request) not in media_types:
            raise unsupported(request, *media_types)

    content = {name: {"schema": {"type": "string", "format": "binary"}} for name in media_types}
    body = {"requestBody": {"content": content, "required": True}}
    return {"dependencies": [Depends(check_media_type)], "openapi_extra": body}


@router.post(
    "/ndjson",
    status_code=201,
    responses=problem_responses(404, 409, 415),
    **streamed_body("application/x-ndjson", "application/ndjson"),
)
async def load_ndjson(user_id: Id, request: Request, key: Key = None) -> Loaded:
    """Add the points of a stream with one JSON document per line."""
    upload = Upload(request)
    return await load(request, user_id, upload, read_ndjson(upload.pieces()), key)


@router.post(
    "/gpx",
    status_code=201,
    responses=problem_responses(404, 409, 415),
    **streamed_body("application/gpx+xml", "application/xml"),
)
async def load_gpx(user_id: Id, request: Request, key: Key = None) -> Loaded:
    """Add the points of a GPX file's tracks."""
    upload = Upload(request)
    return await load(request, user_id, upload, read_gpx(upload.pieces()), key)
