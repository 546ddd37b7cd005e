"""A page of a user's points from the service, against FastAPI with asyncpg and pydantic.

Both are processes of their own on one database; they take turns (ABBA) in each round. Printed are
medians of the rounds' ratios: of requests a second, of the process's CPU time for each request, and
of the 99th percentile to the median, within the service. python bench/pages.py --rounds 5
"""

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from growth.measure import made
from sqlalchemy import URL, text

from orm_async_tests import db, migrations

USERS, POINTS = 100, 100
ROWS = f"""INSERT INTO track_points (user_id, lat, lon, date)
    SELECT 1 + n % {USERS}, n % 90 + 0.25, n % 180 + 0.125, '2010-10-03T09:36:30Z'
    FROM generate_series(0, {USERS * POINTS - 1}) n"""
WALKERS = f"INSERT INTO users (username) SELECT 'walker ' || n FROM generate_series(1, {USERS}) n"
PAGE = "/users/{}/points?limit=50"
REQUEST = "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n"
CLIENTS = [1, 10, 50]
SERVICE = ["-m", "orm_async_tests.service.serve"]
PEER = ["-m", "uvicorn", "--factory", "peer:create_app", "--log-level", "info"]
TICK = os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(command: list[str], url: URL) -> Iterator[tuple[int, int]]:
    """The port and the pid of a server that is ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shown = {"DATABASE_URL": url.render_as_string(hide_password=False)}
    process = subprocess.Popen(
        [sys.executable, *command, "--port", str(port)],
        env={**os.environ, **shown},
        cwd=Path(__file__).parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not answers(port):
            assert process.poll() is None, command
            time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    """Whether a page can be had."""
    try:
        return httpx.get(address(port, 1)).is_success
    except httpx.TransportError:
        return False


def address(port: int, user: int) -> str:
    """Where a user's page is."""
    return f"http://127.0.0.1:{port}{PAGE.format(user)}"


def cpu(pid: int) -> float:
    """Seconds of CPU time that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


async def one_client(port: int, first: int, until: float) -> list[float]:
    """Seconds of each request over one connection: a client that costs little itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    taken, user = [], first
    while (started := time.perf_counter()) < until:
        writer.write(REQUEST.format(PAGE.format(1 + user % USERS)).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
        taken.append(time.perf_counter() - started)
        user += 7
    writer.close()
    return taken


async def load(port: int, clients: int, seconds: float) -> list[float]:
    """Seconds of each request of all clients."""
    until = time.perf_counter() + seconds
    each = await asyncio.gather(*(one_client(port, 13 * n, until) for n in range(clients)))
    return [taken for one in each for taken in one]


class Figures:
    """What one server did in one round."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.seconds = self.cpu = 0.0

    def measure(self, port: int, pid: int, clients: int, seconds: float) -> None:
        """Add a turn."""
        started, used = time.perf_counter(), cpu(pid)
        self.taken += asyncio.run(load(port, clients, seconds))
        self.seconds += time.perf_counter() - started
        self.cpu += cpu(pid) - used

    @property
    def rate(self) -> float:
        return len(self.taken) / self.seconds

    @property
    def work(self) -> float:
        """Milliseconds of CPU time for each request."""
        return self.cpu / len(self.taken) * 1e3

    @property
    def tail(self) -> float:
        """The 99th percentile, in multiples of the median."""
        return statistics.quantiles(self.taken, n=100)[98] / statistics.median(self.taken)


def spread(values: list[float]) -> str:
    """The median, and between what the values lie."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


async def fill(server: db.Database, given: argparse.Namespace) -> None:
    """Make the rows, and measure."""
    async with made(server) as (own, connection):
        await migrations.ensure(connection, *migrations.LINES.values())
        for statement in (WALKERS, ROWS, "VACUUM ANALYZE"):
            await connection.execute(text(statement))
        await asyncio.to_thread(compare, own.url, given)


def compare(url: URL, given: argparse.Namespace) -> None:
    """Print the ratios for each number of clients."""
    with ExitStack() as stack:
        commands = {"service": SERVICE, "peer": PEER}
        servers = {
            name: stack.enter_context(serving(command, url)) for name, command in commands.items()
        }
        pages = [
            httpx.get(f"http://127.0.0.1:{port}{PAGE.format(7)}") for port, _ in servers.values()
        ]
        assert pages[0].json() == pages[1].json()
        for clients in given.clients:
            found: dict[str, list[Figures]] = defaultdict(list)
            for _ in range(given.rounds):
                turn = {name: Figures() for name in servers}
                for name in [*servers, *reversed(servers)]:
                    turn[name].measure(*servers[name], clients, given.seconds)
                for name, figures in turn.items():
                    found[name].append(figures)
            report(clients, found)


def report(clients: int, found: dict[str, list[Figures]]) -> None:
    """Print a line."""
    pairs = list(zip(found["service"], found["peer"], strict=True))
    rates = [ours.rate / peer.rate for ours, peer in pairs]
    works = [peer.work / ours.work for ours, peer in pairs]
    tails = [[each.tail for each in side] for side in zip(*pairs, strict=True)]
    rate = statistics.median(ours.rate for ours, _ in pairs)
    work = statistics.median(ours.work for ours, _ in pairs)
    ratios = f"rate {spread(rates)}, CPU {spread(works)}, p99/median {spread(tails[0])}"
    absolute = f"{rate:.0f}/s, {work:.2f} ms CPU, the peer's p99/median {spread(tails[1])}"
    print(f"{clients:3} clients: {ratios}; {absolute}", flush=True)


def main() -> int:
    """Measure on the chosen database's server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each turn")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    given = parser.parse_args()
    with db.open_database(driver="asyncpg") as database:
        asyncio.run(fill(database, given))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
