"""The rate at which the service uploads and downloads a track, compared with raw asyncpg.

An upload of NDJSON is compared with COPY, a download with a cursor. Both sides take turns in every
round, and build what they send before the clock starts. Printed are the medians of the ratios of
their rates, and the growth of the service's memory.
"""

import argparse
import asyncio
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from sqlalchemy import URL

from orm_async_tests import db

TIME = datetime(2010, 10, 3, 9, 36, 30, tzinfo=UTC)
LINE = '{{"lat":{},"lon":{},"date":"2010-10-03T09:36:30Z"}}\n'
COLUMNS = ["user_id", "lat", "lon", "date"]
SELECT = "SELECT id, lat, lon, date FROM track_points WHERE user_id = $1 ORDER BY id"
CHUNK_POINTS = 1000
READ_BYTES = 2**20
KIB_PER_MIB = 1024
NDJSON = {"Content-Type": "application/x-ndjson"}


def positions(points: int) -> Iterator[tuple[float, float]]:
    """Yield the latitudes and longitudes of a walk around the world."""
    return ((number % 90 + 0.25, number % 180 + 0.125) for number in range(points))


def ndjson_chunks(points: int) -> list[bytes]:
    """Return the walk as NDJSON, CHUNK_POINTS lines to a chunk."""
    lines = [LINE.format(lat, lon).encode() for lat, lon in positions(points)]
    return [b"".join(lines[at : at + CHUNK_POINTS]) for at in range(0, points, CHUNK_POINTS)]


async def stream_chunks(chunks: list[bytes]) -> AsyncIterator[bytes]:
    """Yield the chunks as the body of a request."""
    for chunk in chunks:
        yield chunk


async def time_asyncpg(url: URL, user: int, points: int) -> tuple[float, float]:
    """Return the seconds of COPY, and of a cursor that reads the rows back."""
    host = url.query.get("host", url.host)
    login: dict[str, Any] = {"user": url.username, "password": url.password, "port": url.port}
    connection = await asyncpg.connect(**login, host=host, database=url.database)
    rows = [(user, lat, lon, TIME) for lat, lon in positions(points)]
    started = time.perf_counter()
    await connection.copy_records_to_table("track_points", records=rows, columns=COLUMNS)
    copied = time.perf_counter()
    async with connection.transaction():
        async for _ in connection.cursor(SELECT, user, prefetch=CHUNK_POINTS):
            pass
    read = time.perf_counter()
    await connection.close()
    return copied - started, read - copied


async def time_service(client: httpx.AsyncClient, user: int, points: int) -> tuple[float, float]:
    """Return the seconds of an upload, and of the download of the same track."""
    chunks = ndjson_chunks(points)
    started = time.perf_counter()
    response = await client.post(
        f"/users/{user}/points/ndjson", content=stream_chunks(chunks), headers=NDJSON
    )
    response.raise_for_status()
    uploaded = time.perf_counter()
    # A bare socket, because parsing by httpx would cost more than the service's work.
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(f"GET /users/{user}/track.ndjson HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    lines = 0
    while chunk := await reader.read(READ_BYTES):
        lines += chunk.count(b"}")
    writer.close()
    assert lines == points
    return uploaded - started, time.perf_counter() - uploaded


def read_memory(pid: int, field: str) -> int:
    """Return VmRSS (the memory now) or VmHWM (the peak) of a process in KiB. Linux only."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0])


def find_free_port() -> int:
    """Return a port of the loopback interface that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running_service(url: URL, port: int) -> Iterator[int]:
    """Run the service on this port while the block runs, and give its process id."""
    serve = [sys.executable, "-m", "orm_async_tests.service.serve", "--port", str(port)]
    database = url.render_as_string(hide_password=False)
    quiet = subprocess.DEVNULL
    service = subprocess.Popen([*serve, "--db", database], stdout=quiet, stderr=quiet)
    try:
        yield service.pid
    finally:
        service.terminate()
        service.wait()


async def create_user(client: httpx.AsyncClient) -> int:
    """Create a user without points and return the id."""
    response = await client.post("/users", json={"username": "walker"})
    return int(response.raise_for_status().json()["id"])


async def wait_until_ready(client: httpx.AsyncClient) -> None:
    """Wait until the service answers that it is ready."""
    while True:
        try:
            (await client.get("/health/ready")).raise_for_status()
            return
        except (httpx.TransportError, httpx.HTTPStatusError):
            await asyncio.sleep(0.05)


async def measure(url: URL, points: int, rounds: int) -> None:
    """Run the rounds; print the ratios and the growth of the service's memory."""
    ratios: list[tuple[float, float]] = []
    port = find_free_port()
    with running_service(url, port) as pid:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=None) as client:
            await wait_until_ready(client)
            before = read_memory(pid, "VmRSS")
            for _ in range(rounds):
                upload, download = await time_service(client, await create_user(client), points)
                copy, cursor = await time_asyncpg(url, await create_user(client), points)
                ratios.append((copy / upload, cursor / download))
            growth = (read_memory(pid, "VmHWM") - before) / KIB_PER_MIB
    uploads, downloads = zip(*ratios, strict=True)
    print(f"upload:   {statistics.median(uploads):.2f} of the rate of COPY")
    print(f"download: {statistics.median(downloads):.2f} of the rate of a cursor")
    print(f"memory:   grew by {growth:.1f} MiB")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure on the chosen database's server."""
    parser = argparse.ArgumentParser(prog="service", description=__doc__)
    parser.add_argument("--points", type=int, default=200_000, metavar="N", help="of the track")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    options = parser.parse_args(arguments)
    with db.open_database(driver="asyncpg") as database:
        print(f"{database.label}: {options.points} points, {options.rounds} rounds")
        asyncio.run(measure(database.url, options.points, options.rounds))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
