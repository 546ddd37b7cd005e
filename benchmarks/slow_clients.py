"""Measures how much 200 stalled clients slow down the requests of other clients.

A stalled client uploads one byte per second, or never reads the response to its request. In one
round, all stalled clients stall in the same way. Rounds with stalled clients alternate with rounds
without them. The ratio is the number of responses with stalled clients, divided by the number
without them. The benchmark prints the median ratios, the number of failed requests, and the growth
of the service's memory. The benchmark exits with 1 if a median ratio is below 0.8, if a request
failed, or if the memory grew by more than 64 MiB.
"""

import asyncio
import os
import socket
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
from tests.processes import until
from tests.service.service_process import is_ready, start_service
from tests.service.stalled import add_long_track, stalled
from tests.service.walkers import NDJSON, POINT

from orm_async_tests import db
from orm_async_tests.command_options import CommandParser
from orm_async_tests.service.request_limits import UPLOADS

LOWEST_RATIO, HIGHEST_GROWTH = 0.8, 64  # MiB
KIB_PER_MIB = 1024
CLIENTS, OTHERS = 200, 8  # clients that stall together, and clients that do not stall
ROUNDS, SECONDS = 5, 2.0  # rounds of each kind, and the length of a round
KINDS = {  # the last segments of the stalled requests' paths
    "NDJSON uploads": "ndjson",
    "GPX uploads": "gpx",
    "track downloads": "track.ndjson",
    "live streams": "live",
}


async def create_user(client: httpx.AsyncClient) -> int:
    response = await client.post("/users", json={"username": "walker"})
    return int(response.raise_for_status().json()["id"])


def read_memory(pid: int, field: str) -> int:
    """Return the current memory (VmRSS) or the peak memory (VmHWM) of a process in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0])


def read_cpu(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def send_slowly(connections: Sequence[socket.socket]) -> None:
    while True:
        for connection in connections:
            with suppress(OSError):
                connection.send(b" ")
        await asyncio.sleep(1)


@asynccontextmanager
async def stalled_clients(base: httpx.URL, pid: int, user: int, kind: str) -> AsyncIterator[None]:
    """Keep stalled clients connected during the `with` block."""
    with stalled(base, user, KINDS[kind], CLIENTS) as connections:
        # All clients have stalled when the service uses no CPU time for half a second.
        before, now = -1.0, read_cpu(pid)
        while now != before:
            await asyncio.sleep(0.5)
            before, now = now, read_cpu(pid)
        sending = asyncio.create_task(send_slowly(connections if KINDS[kind] in UPLOADS else []))
        yield
        sending.cancel()


async def request_in_turn(client: httpx.AsyncClient, end: float, statuses: Counter[int]) -> None:
    base = f"/users/{await create_user(client)}"
    while time.monotonic() < end:
        for response in (
            await client.post(f"{base}/points/ndjson", json=POINT, headers=NDJSON),
            await client.post(f"{base}/points", json=POINT),
            await client.get(f"{base}/points", params={"limit": 10}),
            await client.get(f"{base}/track.ndjson"),
            await client.get("/users", params={"limit": 10}),
        ):
            statuses[response.status_code] += 1


async def count_responses(client: httpx.AsyncClient) -> Counter[int]:
    statuses: Counter[int] = Counter()
    end = time.monotonic() + SECONDS
    await asyncio.gather(*(request_in_turn(client, end, statuses) for _ in range(OTHERS)))
    return statuses


async def measure(database: db.Database, base: str, pid: int) -> bool:
    ratios: defaultdict[str, list[float]] = defaultdict(list)
    failed: Counter[str] = Counter()
    async with httpx.AsyncClient(base_url=base, timeout=60) as client:
        user = await create_user(client)
        add_long_track(database, user)
        await count_responses(client)
        memory = read_memory(pid, "VmRSS")
        for kind in [*KINDS] * ROUNDS:
            without = await count_responses(client)
            async with stalled_clients(client.base_url, pid, user, kind):
                beside = await count_responses(client)
            ratios[kind].append(beside.total() / without.total())
            failed[kind] += sum(count for status, count in beside.items() if status >= 400)
        growth = (read_memory(pid, "VmHWM") - memory) / KIB_PER_MIB
    medians = {kind: statistics.median(values) for kind, values in ratios.items()}
    for kind, ratio in medians.items():
        print(f"{CLIENTS} {kind}: {ratio:.2f} of the rate without them, {failed[kind]} failed")
    print(f"memory: grew by {growth:.1f} MiB")
    within = min(medians.values()) >= LOWEST_RATIO and not failed.total()
    return within and growth <= HIGHEST_GROWTH


def main(arguments: Sequence[str] | None = None) -> int:
    CommandParser(prog="slow_clients", description=__doc__).parse_args(arguments)
    with db.open_database(driver="asyncpg") as database:
        print(f"{database.label}: {ROUNDS} rounds of {SECONDS:g} s of each kind")
        with start_service(database.url) as service:
            until(lambda: is_ready(service.url))
            within = asyncio.run(measure(database, service.url, service.pid))
    return 0 if within else 1
