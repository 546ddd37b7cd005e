"""What grows with points and with clients, and what partitions and a standby change.

What is compared takes turns in each round; printed are the medians as the tables of docs/scale.md:
ratios, and in brackets what was measured. python bench/growth.py points clients partitions reads
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

from remedies import START, YEAR, Samples, Table, Tables, cell, made, medians, partitions, reads
from sqlalchemy import URL, Executable, delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from orm_async_tests import db
from orm_async_tests.models import TrackPoint, User
from orm_async_tests.service.tracks import BATCH, LINE

Part = Callable[[db.Database, argparse.Namespace], Tables]
Work = Executable | list[tuple[Any, ...]]  # a statement, or the rows of a COPY

PAGE, RANGE, LOAD = 100, 50, 1000  # points of a page, of a time range, of a COPY
USERS = {"usual": 2, "long": 1}  # 1000 points among the others'; a tenth of all, added last
WALKS = """INSERT INTO track_points (user_id, lat, lon, date)
    SELECT {user}, random() * 90, random() * 180,
        timestamptz '2025-01-01Z' + n * (interval '365 days' / {points})
    FROM generate_series(0, {points} - 1) n"""
WALKERS = "INSERT INTO users (username) SELECT 'walker ' || n FROM generate_series(1, {}) n"
COLUMNS = ["user_id", "lat", "lon", "date"]
INDEXES = ("user_id", "user_id, id", "user_id, date")
VARIANTS = [INDEXES[:1], INDEXES[1:2], (INDEXES[0], INDEXES[2]), INDEXES[1:]]
BYTES = """SELECT pg_table_size('track_points') UNION ALL (SELECT pg_relation_size(indexrelid)
    FROM pg_index WHERE indrelid = 'track_points'::regclass ORDER BY indexrelid)"""

CLIENTS, MOST, WORKERS = (1, 10, 50, 200), 200, (1, 2)
POINT = '{"lat":47.0,"lon":12.5,"date":"2025-10-03T09:36:30Z"}'
LENGTH = re.compile(r"content-length: (\d+)")
TAG, PATH = re.compile(r'etag: ("\d+")'), re.compile(r"location: (\S+)")
OPEN = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name <> 'growth'"""


async def filled(connection: AsyncConnection, points: int) -> None:
    """Users and their points; the indexes grow with the rows, as they do in life."""
    for index in TrackPoint.metadata.tables["track_points"].indexes:
        await connection.exec_driver_sql(f"DROP INDEX {index.name}")
    for number, columns in enumerate(INDEXES):
        await connection.exec_driver_sql(f"CREATE INDEX by_{number} ON track_points ({columns})")
    usual = points * 9 // 10
    users = usual // 1000
    await connection.exec_driver_sql(WALKERS.format(1 + users))
    await connection.exec_driver_sql(WALKS.format(user=f"2 + n % {users}", points=usual))
    await connection.exec_driver_sql(WALKS.format(user=1, points=points - usual))
    await connection.exec_driver_sql("VACUUM ANALYZE")


async def works(connection: AsyncConnection, user: int) -> dict[str, Work]:
    """What the service sends for a user."""
    mine = select(TrackPoint).where(TrackPoint.user_id == user)
    ids = sorted(await connection.scalars(mine.with_only_columns(TrackPoint.id)))
    middle = len(ids) // 2
    page = mine.where(TrackPoint.id > 0).order_by(TrackPoint.id).limit(PAGE + 1)
    since, until = START + YEAR / 2, START + YEAR / 2 + YEAR * RANGE / len(ids)
    point = insert(TrackPoint).values(user_id=user, lat=47.0, lon=12.5, date=START)
    track = select(LINE).where(TrackPoint.user_id == user).order_by(TrackPoint.id)
    return {
        "a page at the start": page,
        "a page in the middle": page.where(TrackPoint.id > ids[middle]),
        "the same by OFFSET": page.offset(middle),
        "a time range": page.where(TrackPoint.date >= since, TrackPoint.date < until),
        "the newest id": select(func.max(TrackPoint.id)).where(TrackPoint.user_id == user),
        "the whole track": track.execution_options(yield_per=BATCH),
        "an INSERT": point.returning(TrackPoint),
        f"COPY of {LOAD}": [(user, 47.0, 12.5, START)] * LOAD,
        "DELETE of the user": delete(User).where(User.id == user),
    }


async def done(connection: AsyncConnection, work: Work) -> None:
    """Send it, and read what comes back."""
    if isinstance(work, list):
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.copy_records_to_table("track_points", records=work, columns=COLUMNS)
    elif "yield_per" in work.get_execution_options():
        async for _ in (await connection.stream(work)).partitions():
            pass
    else:
        await connection.execute(work)


async def seconds(connection: AsyncConnection, work: Work) -> float:
    """The median of some repetitions, each of which is undone."""
    taken: list[float] = []
    while len(taken) < 3 or (len(taken) < 9 and sum(taken) < 0.2):
        savepoint = await connection.begin_nested()
        started = time.perf_counter()
        await done(connection, work)
        taken.append(time.perf_counter() - started)
        await savepoint.rollback()
    return statistics.median(taken)


async def points(server: db.Database, given: argparse.Namespace) -> Tables:
    """The service's statements in a small table and in large ones, and with other indexes."""
    samples: Samples = defaultdict(list)
    room: Table = [["bytes of a point", "table", *(f"({each})" for each in ("id", *INDEXES))]]
    async with AsyncExitStack() as stack:
        tables = {}
        for size in given.sizes:
            own, admin = await stack.enter_async_context(made(server))
            await filled(admin, size)
            bytes_ = await admin.scalars(text(BYTES))
            room.append([f"{size:,} points", *(f"{found / size:.0f}" for found in bytes_)])
            connection = await stack.enter_async_context(db.connect(own, "growth"))
            tables[size] = connection, {name: await works(admin, USERS[name]) for name in USERS}
        for kept, size in product(VARIANTS * given.rounds, tables):
            connection, users = tables[size]
            for number, columns in enumerate(INDEXES):
                if columns not in kept:  # until the rollback it is as if it were not there
                    await connection.exec_driver_sql(f"DROP INDEX by_{number}")
            for user, found in users.items():
                for what, work in found.items():
                    samples[what, user, kept, size].append(await seconds(connection, work))
            await connection.rollback()
    for name, table in compared(medians(samples), given.sizes):
        yield name, table
    yield "bytes", room


def compared(found: dict[Any, float], sizes: list[int]) -> Iterator[tuple[str, Table]]:
    """Each size against the smallest with today's indexes; in the largest, indexes against one."""
    whats = list(dict.fromkeys(key[0] for key in found))
    growing = {f"{size:,} points": (VARIANTS[-1], size) for size in sizes}
    indexed = {f"({'), ('.join(kept)})": (kept, sizes[-1]) for kept in VARIANTS}
    for (name, columns), user in product((("sizes", growing), ("indexes", indexed)), USERS):
        table: Table = [[f"{user} user", *columns]]
        for what in whats:
            row = [found[what, user, *column] for column in columns.values()]
            table.append([what, *(cell(each, row[0]) for each in row)])
        yield f"{name}, {user} user", table


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
        usual = f"Host: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
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


async def measured(server: db.Database, parts: list[Part], given: argparse.Namespace) -> None:
    """Print the tables, and write them below their names in the document."""
    for part in parts:
        async for name, (head, *rows) in part(server, given):
            lines = [" | ".join(row) for row in (head, ["---"] * len(head), *rows)]
            table = "".join(f"| {line} |\n" for line in lines)
            print(f"\n{name}\n\n{table}", end="", flush=True)
            if given.into:
                old, new = rf"(<!-- {name} -->\n)(\|.*\n)*", rf"\g<1>{table}"
                given.into.write_text(re.sub(old, new, given.into.read_text("utf-8")), "utf-8")


def main() -> int:
    """Measure on the embedded server, in databases of its own."""
    parts = {"points": points, "clients": clients, "partitions": partitions, "reads": reads}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=["all", *parts], default="all")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--points", type=int, default=200_000, help="of partitions and reads")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a crowd, and of reading")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=8765, help="and the next one")
    parser.add_argument("--into", type=Path, help="a document that has the tables")
    given = parser.parse_args()
    with db.open_database("embedded", "asyncpg") as server:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        print(f"{os.cpu_count()} CPUs, {memory:.0f} GiB, {server.label}; {given.rounds} rounds")
        these = parts if "all" in given.parts else given.parts
        asyncio.run(measured(server, [parts[name] for name in these], given))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
