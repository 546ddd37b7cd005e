"""Adds many points to a user's track.

The module inserts at most FEW points with one statement, and more points with COPY. An upload adds
all of its points, or none of them.
"""

import struct
from collections.abc import AsyncIterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Text, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.models import User
from orm_async_tests.service import idempotency
from orm_async_tests.service.etags import not_found
from orm_async_tests.service.idempotency_table import IdempotencyKey
from orm_async_tests.service.points import lock_user, notify_listeners
from orm_async_tests.service.schemas import Loaded, PointIn

COLUMNS = ["user_id", "lat", "lon", "date"]
# The number of fields, then the length and the value of every field: an integer, two floats, and
# the microseconds since EPOCH.
ROW = struct.Struct("!hiiididiq")
HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)  # no flags, no extension
TRAILER = struct.pack("!h", -1)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FEW = 100  # one statement adds up to FEW points; COPY adds more, with one more round trip
COPY_TIMEOUT = 3600.0  # seconds

INSERT_FEW = idempotency.build_insertion(
    lambda condition: (
        f"""{lock_user(condition)}, added AS (
        INSERT INTO track_points (user_id, lat, lon, date)
        SELECT locked.id, new.lat, new.lon, new.date FROM locked, unnest(
            CAST(:lat AS float[]), CAST(:lon AS float[]), CAST(:date AS timestamptz[])
        ) WITH ORDINALITY AS new (lat, lon, date, number) ORDER BY new.number
        RETURNING {notify_listeners("user_id")}
    ), inserted AS (SELECT FROM locked)"""
    ),
    "jsonb_build_object('points', CAST(:points AS int))",
)
# COPY runs without a timeout, and COMMIT sends a notification.
NOTIFY_COPY = f"set_config('statement_timeout', '0', true), {notify_listeners('locked.id')}"
PREPARE_COPY = text(f"WITH {lock_user(idempotency.ALWAYS)} SELECT {NOTIFY_COPY} FROM locked")
# Claims an unused key, or reads the answer stored under it.
PREPARE_COPY_UNDER_KEY = text(
    f"""WITH {lock_user(idempotency.UNUSED)}, new AS (
        INSERT INTO service.idempotency_keys (key, request) SELECT :key, '' FROM locked
        ON CONFLICT DO NOTHING RETURNING request, answer
    ) SELECT request, answer, {NOTIFY_COPY} FROM new, locked
    UNION ALL SELECT stored.*, NULL, NULL FROM ({idempotency.STORED}) AS stored"""
).columns(request=Text, answer=JSONB)


def encode_points(user_id: int, points: list[PointIn]) -> bytes:
    """Return points in PostgreSQL's binary COPY format, without the header and the trailer."""
    rows = (
        ROW.pack(4, 4, user_id, 8, point.lat, 8, point.lon, 8, (point.date - EPOCH) // MICROSECOND)
        for point in points
    )
    return b"".join(rows)


async def insert_points(
    session: AsyncSession, user_id: int, points: list[PointIn], key: str, digest: str
) -> Loaded:
    """Add points with one statement, and only once for each idempotency key.

    Raise HTTPException 404 if the user does not exist, and 409 if another request used the key.
    """
    columns = {name: [getattr(point, name) for point in points] for name in COLUMNS[1:]}
    parameters = {"owner": user_id, "points": len(points), **columns}
    return Loaded.model_validate(
        await idempotency.insert_once(session, INSERT_FEW, parameters, key, digest)
    )


async def copy_points(
    session: AsyncSession, user_id: int, encoded_points: AsyncIterable[bytes], key: str, digest: str
) -> Loaded:
    """Add points in the format of COPY, and only once for each idempotency key.

    Raise HTTPException 404 if the user does not exist, and 409 if another request used the key.
    """
    # COPY joins the transaction that this statement begins (test74).
    if not key:
        row = (await session.execute(PREPARE_COPY, {"owner": user_id})).one_or_none()
    else:
        keyed = {"owner": user_id, "key": key}
        row = (await session.execute(PREPARE_COPY_UNDER_KEY, keyed)).one_or_none()
        if row is None:  # another request may have used the key
            row = (await session.execute(idempotency.READ_STORED, {"key": key})).one_or_none()
    if row is None:
        raise not_found(User)
    if key and row.answer is not None:
        return Loaded.model_validate(idempotency.read_answer(row, digest))
    driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    tag = await driver.copy_to_table(
        "track_points",
        source=encoded_points,
        columns=COLUMNS,
        format="binary",
        timeout=COPY_TIMEOUT,
    )
    answer = {"points": int(tag.removeprefix("COPY "))}
    if key:
        stored = update(IdempotencyKey).where(IdempotencyKey.key == key)
        await session.execute(stored.values(request=digest, answer=answer))
    return Loaded.model_validate(answer)
