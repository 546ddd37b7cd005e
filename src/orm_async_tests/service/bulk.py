"""Handles uploads of many points as a JSON array, an NDJSON stream or a GPX file.

An upload stores all of its points, or none of them.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from tempfile import SpooledTemporaryFile
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, UploadFile

from orm_async_tests.service import bulk_insert
from orm_async_tests.service.gpx import read_gpx
from orm_async_tests.service.idempotency import Key, digest_of
from orm_async_tests.service.json_bodies import JsonRoute, media_type, unsupported
from orm_async_tests.service.ndjson import read_ndjson
from orm_async_tests.service.problems import problem_responses
from orm_async_tests.service.schemas import Id, Loaded, PointIn
from orm_async_tests.service.sessions import WriteSession
from orm_async_tests.service.state import state_of

PIECE_SIZE = 4096  # bytes that are parsed before other requests are served
PART_SIZE = 32 * 1024  # bytes that are written to the temporary file, or read, at a time

Batches = AsyncIterator[list[PointIn]]

router = APIRouter(prefix="/users/{user_id}/points", tags=["bulk"], route_class=JsonRoute)


async def split_body(request: Request, sha256: Any) -> AsyncIterator[bytes]:
    """Yield the request's body in pieces, and add its bytes to the hash `sha256`."""
    rest = bytearray()
    async for chunk in request.stream():
        sha256.update(chunk)
        rest += chunk
        while len(rest) >= PIECE_SIZE:
            yield bytes(rest[:PIECE_SIZE])
            del rest[:PIECE_SIZE]
            await asyncio.sleep(0)
    yield bytes(rest)


async def store(file: UploadFile, user_id: int, points: list[PointIn], others: Batches) -> None:
    """Write all points of an upload to a file in the format of COPY.

    Raise HTTPException 503 if the disk is full. asyncpg's own encoder would occupy a connection
    during the upload.
    """
    part = bytearray(bulk_insert.HEADER + bulk_insert.encode_points(user_id, points))
    try:
        async for batch in others:
            part += bulk_insert.encode_points(user_id, batch)
            if len(part) >= PART_SIZE:
                await file.write(bytes(part))
                part.clear()
        await file.write(bytes(part + bulk_insert.TRAILER))
        await file.seek(0)  # writes what Python has buffered
    except OSError as error:
        why = f"the service cannot store this upload: {error.strerror}; nothing was added"
        raise HTTPException(503, why, {"Retry-After": "60"}) from None


async def read_parts(file: UploadFile) -> AsyncIterator[bytes]:
    while part := await file.read(PART_SIZE):
        yield part


async def load(
    request: Request, user_id: int, read_points: Callable[[AsyncIterator[bytes]], Batches], key: str
) -> Loaded:
    """Receive all points of an upload, and then add them to the user's track.

    An upload may take an hour, and needs no database connection until its end. Raise HTTPException
    404 for an unknown user, 409 for the key of another request, and 422 for an invalid point.
    """
    sha256 = hashlib.sha256(f"POST {request.url.path} ".encode())
    batches = read_points(split_body(request, sha256))
    state = state_of(request.app)
    first: list[PointIn] = []
    async for points in batches:
        first += points
        if len(first) > bulk_insert.FEW:
            break
    else:
        async with state.primary.begin() as session:
            return await bulk_insert.insert_points(session, user_id, first, key, sha256.hexdigest())
    # The file has no name, so it disappears with the block, and also when the process is killed.
    with SpooledTemporaryFile[bytes](state.settings.upload_memory or 1) as file:
        spool = UploadFile(file)  # type: ignore[arg-type]  # it uses the disk in a thread
        await store(spool, user_id, first, batches)
        async with state.primary.begin() as session:
            parts = read_parts(spool)
            return await bulk_insert.copy_points(session, user_id, parts, key, sha256.hexdigest())


@router.post("/bulk", status_code=201, responses=problem_responses(404, 409, 415))
async def load_json(
    user_id: Id, points: list[PointIn], session: WriteSession, key: Key = ""
) -> Loaded:
    """Add the points in a JSON array."""
    rows = [(user_id, point.lat, point.lon, point.date) for point in points]
    digest = digest_of(f"POST /users/{user_id}/points/bulk {rows}")
    if len(points) <= bulk_insert.FEW:
        return await bulk_insert.insert_points(session, user_id, points, key, digest)

    async def encoded() -> AsyncIterator[bytes]:
        yield bulk_insert.HEADER + bulk_insert.encode_points(user_id, points) + bulk_insert.TRAILER

    return await bulk_insert.copy_points(session, user_id, encoded(), key, digest)


def streamed_body(*media_types: str) -> dict[str, Any]:
    """Return arguments for an upload route that accepts only these media types.

    HTML forms cannot send NDJSON or XML, so forms on other sites cannot upload points.
    """

    async def check_media_type(request: Request) -> None:
        if media_type(request) not in media_types:
            raise unsupported(request, *media_types)

    content = {name: {"schema": {"type": "string", "format": "binary"}} for name in media_types}
    return {
        "status_code": 201,
        "responses": problem_responses(404, 409, 415),
        "dependencies": [Depends(check_media_type)],
        "openapi_extra": {"requestBody": {"content": content, "required": True}},
    }


@router.post("/ndjson", **streamed_body("application/x-ndjson", "application/ndjson"))
async def load_ndjson(user_id: Id, request: Request, key: Key = "") -> Loaded:
    """Add the points of an NDJSON stream, one JSON document per line."""
    return await load(request, user_id, read_ndjson, key)


@router.post("/gpx", **streamed_body("application/gpx+xml", "application/xml"))
async def load_gpx(user_id: Id, request: Request, key: Key = "") -> Loaded:
    """Add the track points of a GPX file."""
    return await load(request, user_id, read_gpx, key)
