"""Handles uploads of many points as a JSON array, an NDJSON stream or a GPX file. An upload stores
all its points or none.

The service receives an upload completely before it checks out a connection, because a client may
need an hour to send its body. Until then, the points are in a temporary file in the format of COPY.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, UploadFile
from pydantic import ValidationError
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.models import User
from orm_async_tests.service.etags import not_found
from orm_async_tests.service.gpx import read_gpx
from orm_async_tests.service.idempotency import Answer, Key, answer_once
from orm_async_tests.service.points import LOCK_OWNER
from orm_async_tests.service.problems import describe, excerpt, problem_responses
from orm_async_tests.service.schemas import MAX_BODY, Id, Loaded, PointIn

PIECE_SIZE = 2**14  # bytes of a body that are parsed before other requests are served
MEMORY = 2**16  # bytes of an upload that stay in memory; the rest is in a temporary file
PART_SIZE = 2**15  # bytes of the file that COPY sends at a time
MAX_LINE = 10_000  # bytes of a line of NDJSON
COPY_TIMEOUT = 3600.0  # seconds
COLUMNS = ["user_id", "lat", "lon", "date"]
# COPY of a long track takes longer than the statement_timeout of other requests.
PREPARE_COPY = LOCK_OWNER.add_columns(func.set_config("statement_timeout", "0", True))

Batches = AsyncIterator[list[PointIn]]

router = APIRouter(prefix="/users/{user_id}/points", tags=["bulk"])


async def split_body(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        for start in range(0, len(chunk), PIECE_SIZE):
            yield chunk[start : start + PIECE_SIZE]
            await asyncio.sleep(0)


async def read_ndjson(body: AsyncIterator[bytes]) -> Batches:
    """Yield the points of the lines that end in each piece of the body."""
    number, rest = 0, b""
    async for piece in body:
        *lines, rest = (rest + piece).split(b"\n")
        yield parse_lines(lines, number)
        number += len(lines)
        if len(rest) > MAX_LINE:
            raise line_error(number + 1, f"it is longer than {MAX_LINE} bytes")
    yield parse_lines([rest], number)


def parse_lines(lines: list[bytes], before: int) -> list[PointIn]:
    """Return the points of lines after the first `before` lines. Skip blank lines."""
    points = []
    for number, line in enumerate(lines, before + 1):
        try:
            points += [PointIn.model_validate_json(line)] if line.strip() else []
        except ValidationError as error:
            raise line_error(number, describe(error.errors()[0])) from None
    return points


def line_error(number: int, reason: str) -> HTTPException:
    return HTTPException(422, f"line {number}: {reason}; nothing was added")


def encode(user_id: int, points: list[PointIn]) -> bytes:
    """Return the points in the text format of COPY."""
    rows = (f"{user_id}\t{point.lat}\t{point.lon}\t{point.date}\n" for point in points)
    return "".join(rows).encode()


async def read_parts(file: UploadFile) -> AsyncIterator[bytes]:
    while part := await file.read(PART_SIZE):
        yield part


async def copy_points(session: AsyncSession, user_id: int, file: UploadFile) -> Answer:
    # COPY joins the transaction that this statement begins (test74).
    if (await session.execute(PREPARE_COPY, {"owner": user_id})).one_or_none() is None:
        raise not_found(User)
    driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    source = read_parts(file)
    status = await driver.copy_to_table(
        "track_points", source=source, columns=COLUMNS, timeout=COPY_TIMEOUT
    )
    return {"points": int(status.removeprefix("COPY "))}


async def load(request: Request, user_id: int, batches: Batches, key: str) -> Loaded:
    """Receive all points of an upload. Check out a connection only then, and add the points."""
    digest = hashlib.sha256(f"POST {request.url.path} ".encode())
    # The file has no name, so it disappears with the block, and also when the process is killed.
    with SpooledTemporaryFile[bytes](MEMORY) as spooled:
        file = UploadFile(spooled)  # type: ignore[arg-type]  # it uses the disk in a thread
        async for points in batches:
            rows = encode(user_id, points)
            digest.update(rows)
            await file.write(rows)
        await file.seek(0)
        async with request.app.state.primary.begin() as session:
            answer = await answer_once(
                session, key, digest.hexdigest(), lambda: copy_points(session, user_id, file)
            )
    return Loaded.model_validate(answer)


def streamed_body(*media_types: str) -> dict[str, Any]:
    """Return arguments for a route that reads its body as a stream of one of these media types.

    An HTML form cannot send these media types, so another site's form cannot upload points.
    """

    async def check_media_type(request: Request) -> None:
        media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type not in media_types:
            sent = f"the body is {excerpt(media_type) or 'of no type'}"
            raise HTTPException(415, f"{sent}: send Content-Type: {' or '.join(media_types)}")

    content = {name: {"schema": {"type": "string", "format": "binary"}} for name in media_types}
    return {
        "status_code": 201,
        "responses": problem_responses(404, 409, 415),
        "dependencies": [Depends(check_media_type)],
        "openapi_extra": {"requestBody": {"content": content, "required": True}},
    }


@router.post(
    "/bulk", status_code=201, responses=problem_responses(404, 409), max_body_size=MAX_BODY
)
async def load_json(user_id: Id, points: list[PointIn], request: Request, key: Key = "") -> Loaded:
    """Add the points of a JSON array in the body."""

    async def batches() -> Batches:
        yield points

    return await load(request, user_id, batches(), key)


@router.post("/ndjson", **streamed_body("application/x-ndjson", "application/ndjson"))
async def load_ndjson(user_id: Id, request: Request, key: Key = "") -> Loaded:
    """Add the points of an NDJSON stream, which has one JSON document per line."""
    return await load(request, user_id, read_ndjson(split_body(request)), key)


@router.post("/gpx", **streamed_body("application/gpx+xml", "application/xml"))
async def load_gpx(user_id: Id, request: Request, key: Key = "") -> Loaded:
    """Add the points that the tracks of a GPX file contain."""
    return await load(request, user_id, read_gpx(split_body(request)), key)
