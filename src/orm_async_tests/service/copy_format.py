"""PostgreSQL's binary COPY format for track points, built in parts.

asyncpg can encode records itself, but only while it holds a connection. The service encodes points
as they arrive, and keeps the parts until the upload is complete.
"""

import struct
from collections.abc import AsyncIterable, AsyncIterator
from datetime import UTC, datetime, timedelta

from orm_async_tests.service.schemas import PointIn

COLUMNS = ["user_id", "lat", "lon", "date"]
# The number of fields, then the length and the value of every field: an integer, two floats, and
# the microseconds since EPOCH.
ROW = struct.Struct("!hiiididiq")
HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)  # no flags, no extension
TRAILER = struct.pack("!h", -1)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
PART_SIZE = 32 * 1024  # bytes from which on a part is sent


async def encode_points(
    user_id: int, batches: AsyncIterable[list[PointIn]]
) -> AsyncIterator[bytes]:
    """Yield the user's points in COPY's format, about PART_SIZE bytes at a time."""
    part = bytearray(HEADER)
    async for points in batches:
        for point in points:
            microseconds = (point.date - EPOCH) // MICROSECOND
            part += ROW.pack(4, 4, user_id, 8, point.lat, 8, point.lon, 8, microseconds)
        if len(part) >= PART_SIZE:
            yield bytes(part)
            part.clear()
    yield bytes(part + TRAILER)
