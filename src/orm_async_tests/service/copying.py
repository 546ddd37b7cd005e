"""Points as COPY takes them: PostgreSQL's binary format, a part at a time.

asyncpg could write it from records, and would send half a MiB at a time: the server has nothing to
do while the next half is read (benchmarks/service.py).
"""

import struct
from collections.abc import AsyncIterable, AsyncIterator
from datetime import UTC, datetime, timedelta

from orm_async_tests.service.schemas import PointIn

COLUMNS = ["user_id", "lat", "lon", "date"]
# The number of fields, and each with its length before it: integer, two floats, microseconds.
ROW = struct.Struct("!hiiididiq")
HEAD, END = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0), struct.pack("!h", -1)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
PART = 32 * 1024  # bytes from which on a part is sent


async def encoded(user_id: int, points: AsyncIterable[list[PointIn]]) -> AsyncIterator[bytes]:
    """The user's points, which come some at a time."""
    part = bytearray(HEAD)
    async for some in points:
        for each in some:
            moment = (each.date - EPOCH) // MICROSECOND
            part += ROW.pack(4, 4, user_id, 8, each.lat, 8, each.lon, 8, moment)
        if len(part) >= PART:
            yield bytes(part)
            part.clear()
    yield bytes(part + END)
