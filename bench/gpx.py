"""What a GPX upload costs those who wait: time by size, the slowest health check, memory.

Each kind of file is loaded in both sizes. Printed are the time of a MiB of the larger in multiples
of one of the smaller, the slowest answer of /health/live meanwhile, and by how much the service's
memory has grown. python bench/gpx.py --sizes 16 64
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from itertools import repeat

import httpx
from service import MIB, memory, new_user, ready, serving
from sqlalchemy import URL

from orm_async_tests import db

HEAD = '<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>'
TIME = "<ele>1234.5</ele><time>2010-10-03T09:36:30Z</time>"
POINT = f'<trkpt lat="47.123456" lon="12.512345">{TIME}</trkpt>\n'
TAIL = "</trkseg></trk></gpx>"
KINDS = {
    "points": POINT,
    "tags of 60 KB": f"<a b='{'x' * 60_000}'/>",
    "comments of 60 KB": f"<!--{'x' * 60_000}-->",
    "text": "x",
    "the smallest tags": "<a/>",
    "xmlns without end": " xmlns",  # refused at once
    'xmlns="" without end': ' xmlns=""',
}
CHUNK = 64 * 1024
GPX = {"Content-Type": "application/gpx+xml"}


async def document(part: str, size: int) -> AsyncIterator[bytes]:
    """A file of this many bytes, mostly this part repeated."""
    yield ("<gpx" if part.startswith(" ") else HEAD + POINT).encode()
    chunk = (part * -(-CHUNK // len(part))).encode()
    for some in repeat(chunk, size // len(chunk)):
        yield some
    yield TAIL.encode()


async def slowest(base_url: httpx.URL, done: asyncio.Event) -> float:
    """Seconds of the slowest answer of /health/live until it is done."""
    most = 0.0
    async with httpx.AsyncClient(base_url=base_url, timeout=None) as client:
        await client.get("/health/live")  # it is connected then
        while not done.is_set():
            started = time.perf_counter()
            (await client.get("/health/live")).raise_for_status()
            most = max(most, time.perf_counter() - started)
            await asyncio.sleep(0.01)
    return most


async def load(client: httpx.AsyncClient, part: str, size: int) -> tuple[float, float, int]:
    """Seconds of an upload, and of the slowest health check meanwhile; the upload's status."""
    user, done = await new_user(client), asyncio.Event()
    watch = asyncio.create_task(slowest(client.base_url, done))
    started = time.perf_counter()
    answer = await client.post(
        f"/users/{user}/points/gpx", content=document(part, size), headers=GPX
    )
    taken = time.perf_counter() - started
    done.set()
    return taken, await watch, answer.status_code


async def measured(url: URL, sizes: list[int], port: int) -> None:
    """Print a line for each kind of file."""
    small, large = (size * MIB * MIB for size in sizes)
    for name, part in KINDS.items():
        with serving(url, port) as pid:
            address = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=address, timeout=None) as client:
                await ready(client)
                await load(client, POINT, MIB)  # all is imported and connected then
                before = memory(pid, "VmRSS")
                first, *_ = await load(client, part, small)
                second, wait, status = await load(client, part, large)
                grown = (memory(pid, "VmHWM") - before) / MIB
        growth = (second / large) / (first / small)
        print(
            f"{name:22} {status}: {growth:.2f} ({second:.1f} s), health {wait * 1000:.0f} ms, "
            f"memory {grown:.1f} MiB",
            flush=True,
        )


def main() -> int:
    """Measure on the chosen database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs=2, default=[16, 64], help="MiB")
    parser.add_argument("--port", type=int, default=8765)
    given = parser.parse_args()
    with db.open_database(driver="asyncpg") as database:
        print(f"{database.label}: {given.sizes} MiB")
        asyncio.run(measured(database.url, given.sizes, given.port))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
