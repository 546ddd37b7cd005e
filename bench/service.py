"""What the service adds to raw asyncpg: NDJSON in against COPY, NDJSON out against a cursor.

Both sides take turns in each round, and have made what they send before; printed are the medians
of their rates as ratios, and by how much the service's memory has grown.
python bench/service.py --points 1000000 --rounds 3
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from sqlalchemy import URL

from orm_async_tests import db

MOMENT = datetime(2010, 10, 3, 9, 36, 30, tzinfo=UTC)
LINE = '{{"lat":{},"lon":{},"date":"2010-10-03T09:36:30Z"}}\n'
COLUMNS = ["user_id", "lat", "lon", "date"]
CHUNK = 1000  # points
MIB = 1024  # KiB
NDJSON = {"Content-Type": "application/x-ndjson"}


def positions(points: int) -> Iterator[tuple[float, float]]:
    """A walk around the world."""
    return ((number % 90 + 0.25, number % 180 + 0.125) for number in range(points))


def document(points: int) -> list[bytes]:
    """The walk as NDJSON, in chunks."""
    lines = [LINE.format(lat, lon).encode() for lat, lon in positions(points)]
    return [b"".join(lines[at : at + CHUNK]) for at in range(0, points, CHUNK)]


async def sent(chunks: list[bytes]) -> AsyncIterator[bytes]:
    """The chunks as a body."""
    for chunk in chunks:
        yield chunk


async def by_asyncpg(url: URL, user: int, points: int) -> tuple[float, float]:
    """Seconds of COPY, and of a cursor that reads it all."""
    host = url.query.get("host", url.host)
    login: dict[str, Any] = {"user": url.username, "password": url.password, "port": url.port}
    connection = await asyncpg.connect(**login, host=host, database=url.database)
    rows = [(user, lat, lon, MOMENT) for lat, lon in positions(points)]
    started = time.perf_counter()
    await connection.copy_records_to_table("track_points", records=rows, columns=COLUMNS)
    copied = time.perf_counter()
    track = "SELECT id, lat, lon, date FROM track_points WHERE user_id = $1 ORDER BY id"
    async with connection.transaction():
        async for _ in connection.cursor(track, user, prefetch=CHUNK):
            pass
    read = time.perf_counter()
    await connection.close()
    return copied - started, read - copied


async def by_service(client: httpx.AsyncClient, user: int, points: int) -> tuple[float, float]:
    """Seconds of the upload, and of the download."""
    chunks = document(points)
    started = time.perf_counter()
    answer = await client.post(f"/users/{user}/points/ndjson", content=sent(chunks), headers=NDJSON)
    answer.raise_for_status()
    loaded = time.perf_counter()
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(f"GET /users/{user}/track.ndjson HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    lines = 0
    while some := await reader.read(CHUNK * CHUNK):  # a client that costs little itself
        lines += some.count(b"}")
    writer.close()
    assert lines == points
    return loaded - started, time.perf_counter() - loaded


def memory(pid: int, what: str) -> int:
    """KiB of VmRSS (now) or VmHWM (the most so far) of a process (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{what}:")[2].split()[0])


@contextmanager
def serving(url: URL, port: int) -> Iterator[int]:
    """The pid of a service of its own on this port."""
    serve = [sys.executable, "-m", "orm_async_tests.service.serve", "--port", str(port)]
    shown = url.render_as_string(hide_password=False)
    quiet = subprocess.DEVNULL
    service = subprocess.Popen([*serve, "--db", shown], stdout=quiet, stderr=quiet)
    try:
        yield service.pid
    finally:
        service.terminate()
        service.wait()


async def new_user(client: httpx.AsyncClient) -> int:
    """The id of a user without points."""
    answer = await client.post("/users", json={"username": "walker"})
    return int(answer.raise_for_status().json()["id"])


async def ready(client: httpx.AsyncClient) -> None:
    """Wait until the service is."""
    while True:
        try:
            (await client.get("/health/ready")).raise_for_status()
            return
        except (httpx.TransportError, httpx.HTTPStatusError):
            await asyncio.sleep(0.05)


async def measured(url: URL, points: int, rounds: int, port: int) -> None:
    """Print the ratios and the memory."""
    ratios: list[tuple[float, float]] = []
    with serving(url, port) as pid:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=None) as client:
            await ready(client)
            before = memory(pid, "VmRSS")
            for _ in range(rounds):
                ours = await by_service(client, await new_user(client), points)
                raw = await by_asyncpg(url, await new_user(client), points)
                ratios.append((raw[0] / ours[0], raw[1] / ours[1]))
            grown = (memory(pid, "VmHWM") - before) / MIB
    loads, reads = zip(*ratios, strict=True)
    print(f"in:  {statistics.median(loads):.2f} of the rate of COPY")
    print(f"out: {statistics.median(reads):.2f} of the rate of a cursor")
    print(f"memory: grown by {grown:.1f} MiB")


def main() -> int:
    """Measure on the chosen database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=8765)
    given = parser.parse_args()
    with db.open_database(driver="asyncpg") as database:
        print(f"{database.label}: {given.points} points, {given.rounds} rounds")
        asyncio.run(measured(database.url, given.points, given.rounds, given.port))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
