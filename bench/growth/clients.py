"""What grows with the clients: the service, by its workers."""

import argparse
import asyncio
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from itertools import product
from pathlib import Path
from uuid import uuid4

from measure import WALKERS, WALKS, Samples, Table, Tables, cell, made, medians
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from orm_async_tests import db

PAGE = 100  # points

CLIENTS, MOST, WORKERS = (1, 10, 50, 200), 200, (1, 2)
POINT = '{"lat":47.0,"lon":12.5,"date":"2025-10-03T09:36:30Z"}'
LENGTH = re.compile(r"content-length: (\d+)")
TAG, PATH = re.compile(r'etag: ("\d+")'), re.compile(r"location: (\S+)")
OPEN = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name <> 'growth'"""


@contextmanager
def serving(url: URL, port: int, workers: int) -> Iterator[int]:
    """The pid of a service with this many workers."""
    serve = [sys.executable, "-m", "orm_async_tests.service.serve", "--port", str(port)]
    serve += ["--workers", str(workers), "--db", url.render_as_string(hide_password=False)]
    service = subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield service.pid
    finally:
        service.terminate()
        service.wait()


def cpu(pid: int) -> float:
    """Seconds of CPU that a process and those below it have used (Linux)."""
    spent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(map(int, spent)) / os.sysconf("SC_CLK_TCK") + sum(cpu(int(each)) for each in below)


def cycle(user: int) -> Generator[tuple[str, str, str, str], str, None]:
    """Requests without end: method, path, header, body. It is sent the head of each answer."""
    while True:
        key = f"Idempotency-Key: {uuid4().hex}\r\n"
        head = yield "POST", f"/users/{user}/points", key, POINT
        yield "GET", f"/users/{user}/points", "", ""
        if (tag := TAG.search(head)) and (path := PATH.search(head)):
            yield "PATCH", path[1], f"If-Match: {tag[1]}\r\n", '{"lat":46.5}'


async def client(port: int, user: int, until: float, told: list[tuple[int, float]]) -> None:
    """Ask over one connection; note status and seconds. No library: it must cost little."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    requests = cycle(user)
    method, path, header, body = next(requests)
    while (started := time.monotonic()) < until:
        usual = f"Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        writer.write(f"{method} {path} HTTP/1.1\r\n{header}{usual}\r\n\r\n{body}".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        await reader.readexactly(int(LENGTH.findall(head)[0]))
        told.append((int(head.split()[1]), time.monotonic() - started))
        method, path, header, body = requests.send(head)
    writer.close()


async def crowd(
    port: int, pid: int, watch: AsyncConnection, count: int, length: float
) -> dict[str, float]:
    """What this many clients see of the service in this time, and what they and it spend."""
    told: list[tuple[int, float]] = []
    served, asked, started, most = cpu(pid), time.process_time(), time.monotonic(), 0
    end = started + length
    all_ = asyncio.gather(*(client(port, 1 + user, end, told) for user in range(count)))
    while not all_.done():
        most = max(most, await watch.scalar(text(OPEN)))
        await asyncio.wait([all_], timeout=0.2)
    await all_
    taken = time.monotonic() - started
    good = sorted(seconds for status, seconds in told if status < 300)
    return {
        "requests a second": len(good) / taken,
        "p50": good[len(good) // 2],
        "p99": good[len(good) * 99 // 100],
        "refused": len(told) - len(good),
        "connections": most,
        "service's CPUs": (cpu(pid) - served) / taken,
        "clients' CPUs": (time.process_time() - asked) / taken,
    }


async def clients(server: db.Database, given: argparse.Namespace) -> Tables:
    """The service with some clients and with many, by one worker and by two."""
    samples: Samples = defaultdict(list)
    async with AsyncExitStack() as stack:
        services: dict[int, tuple[int, int, AsyncConnection]] = {}
        for port, workers in enumerate(WORKERS, given.port):
            own, watch = await stack.enter_async_context(made(server))
            await watch.exec_driver_sql(WALKERS.format(MOST))
            walks = WALKS.format(user=f"1 + n % {MOST}", points=MOST * PAGE)
            await watch.exec_driver_sql(walks)
            pid = stack.enter_context(serving(own.url, port, workers))
            services[workers] = port, pid, watch
            await listens(port)
            await crowd(*services[workers], 10, 1.0)  # its pool is warm then
        for count, workers in product(CLIENTS * given.rounds, WORKERS):
            for what, value in (await crowd(*services[workers], count, given.seconds)).items():
                samples[what, count, workers].append(value)
    found = medians(samples)
    whats = list(dict.fromkeys(key[0] for key in found))
    table: Table = [["workers", "clients", *whats]]
    for workers, count in product(WORKERS, CLIENTS):
        row = [shown(what, found[what, count, workers], found[what, 1, 1]) for what in whats]
        table.append([str(workers), str(count), *row])
    yield "clients", table


def shown(what: str, value: float, one: float) -> str:
    """A figure of a crowd; rates and durations in multiples of one client's of one worker."""
    if what.startswith("p"):
        return cell(value, one)
    return f"{value / one:.2f} ({value:.0f})" if what.startswith("req") else f"{round(value, 2):g}"


async def listens(port: int) -> None:
    """Wait until the service listens."""
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError):
                return (await asyncio.open_connection("127.0.0.1", port))[1].close()
            await asyncio.sleep(0.1)
