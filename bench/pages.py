"""A page of a user's points from the service, against two of FastAPI with pydantic.

One of them is on asyncpg, the other on Tortoise ORM, in an environment of its own with the same
versions. All are processes on one database, and take turns (ABBA) in each round. Printed are
medians of the rounds: of each server its requests a second, its CPU time for each request, and its
99th percentile to the median, of seconds and of how many answers the others had while one waited,
which no other work on the machine changes; and the ratios of the service's rates to the others',
and of their CPU times to the service's: 2 is twice as good. python bench/pages.py --rounds 5
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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import httpx
from growth.measure import made
from sqlalchemy import URL, text

from orm_async_tests import db, migrations
from orm_async_tests.bench.arena import login
from orm_async_tests.bench.environments import contenders, interpreter
from orm_async_tests.postgres.paths import home

USERS, POINTS = 100, 100
ROWS = f"""INSERT INTO track_points (user_id, lat, lon, date)
    SELECT 1 + n % {USERS}, n % 90 + 0.25, n % 180 + 0.125, '2010-10-03T09:36:30Z'
    FROM generate_series(0, {USERS * POINTS - 1}) n"""
WALKERS = f"INSERT INTO users (username) SELECT 'walker ' || n FROM generate_series(1, {USERS}) n"
PAGE = "/users/{}/points?limit=50"
REQUEST = "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n"
CLIENTS = [1, 10, 50]
SERVICE = ["-m", "orm_async_tests.service.serve"]
PEER = ["-m", "uvicorn", "--log-level", "info", "--factory"]
SERVER = ("fastapi", "starlette", "pydantic", "pydantic-core", "uvicorn", "uvloop", "h11", "anyio")
TICK = os.sysconf("SC_CLK_TCK")


def commands() -> dict[str, list[str]]:
    """What starts each server, the service first; Tortoise's is installed if it is not yet."""
    tortoise = contenders()["tortoise"]
    page = replace(tortoise, name="tortoise_page", here=(*tortoise.here, *SERVER))
    return {
        "service": [sys.executable, *SERVICE],
        "asyncpg": [sys.executable, *PEER, "peer:create_app"],
        "Tortoise": [interpreter(page, home()), *PEER, "peer_tortoise:create_app"],
    }


@contextmanager
def serving(command: list[str], url: URL) -> Iterator[tuple[int, int]]:
    """The port and the pid of a server that is ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shown = {f"PG{name.upper()}": str(value) for name, value in asdict(login(url)).items()}
    shown |= {"DATABASE_URL": url.render_as_string(hide_password=False)}
    process = subprocess.Popen(
        [*command, "--port", str(port)],
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


class Turn:
    """Some seconds of clients that ask a server again as soon as they are answered."""

    def __init__(self) -> None:
        self.taken: list[float] = []  # seconds of each request
        self.overtaken: list[int] = []  # answers that the others had meanwhile
        self.seconds = self.cpu = 0.0

    async def run(self, port: int, pid: int, clients: int, seconds: float) -> "Turn":
        """Connect all the clients, then let them ask."""
        ready = asyncio.Barrier(clients + 1)
        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(self._client(port, 13 * number, ready, seconds))
            await ready.wait()
            started, used = time.perf_counter(), cpu(pid)
        self.seconds, self.cpu = time.perf_counter() - started, cpu(pid) - used
        return self

    async def _client(self, port: int, user: int, ready: asyncio.Barrier, seconds: float) -> None:
        """Ask over one connection: a client that costs little itself."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asked(reader, writer, user)  # it is accepted then
        await ready.wait()
        until = time.perf_counter() + seconds
        while (started := time.perf_counter()) < until:
            answered = len(self.taken)
            await asked(reader, writer, user)
            self.overtaken.append(len(self.taken) - answered)
            self.taken.append(time.perf_counter() - started)
            user += 7
        writer.close()


@dataclass(frozen=True)
class Figures:
    """What one server did in one round, in two turns."""

    turns: list[Turn]

    @property
    def requests(self) -> int:
        return sum(len(turn.taken) for turn in self.turns)

    @property
    def rate(self) -> float:
        return self.requests / sum(turn.seconds for turn in self.turns)

    @property
    def work(self) -> float:
        """Milliseconds of CPU time for each request."""
        return sum(turn.cpu for turn in self.turns) / self.requests * 1e3

    @property
    def slowest(self) -> float:
        """The tail of a turn's seconds, on average: between two turns a machine may change."""
        return statistics.mean(tail(turn.taken) for turn in self.turns)

    @property
    def unluckiest(self) -> float:
        """The tail of how many answers others had meanwhile; without others there is none."""
        return statistics.mean(tail([1 + each for each in turn.overtaken]) for turn in self.turns)


async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: int) -> None:
    """Ask for a page, and read it."""
    writer.write(REQUEST.format(PAGE.format(1 + user % USERS)).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))


def tail(values: Sequence[float]) -> float:
    """The 99th percentile, in multiples of the median."""
    return statistics.quantiles(values, n=100)[98] / statistics.median(values)


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
        servers = {
            name: stack.enter_context(serving(command, url)) for name, command in commands().items()
        }
        pages = [httpx.get(address(port, 7)).json() for port, _ in servers.values()]
        assert [page for page in pages if page != pages[0]] == []
        for clients in given.clients:
            found: dict[str, list[Figures]] = defaultdict(list)
            for _ in range(given.rounds):
                turns: dict[str, list[Turn]] = defaultdict(list)
                for name in [*servers, *reversed(servers)]:
                    turn = Turn().run(*servers[name], clients, given.seconds)
                    turns[name].append(asyncio.run(turn))
                for name, both in turns.items():
                    found[name].append(Figures(both))
            report(clients, found)


def report(clients: int, found: dict[str, list[Figures]]) -> None:
    """Print a line for each server, and what the service is to it."""
    print(f"{clients} clients")
    ours = found["service"]
    for name, figures in found.items():
        rate = statistics.median(each.rate for each in figures)
        work = statistics.median(each.work for each in figures)
        slowest = spread([each.slowest for each in figures])
        unluckiest = spread([each.unluckiest for each in figures])
        print(f"  {name}: {rate:.0f}/s, {work:.2f} ms CPU, ", end="")
        print(f"p99/median {slowest}, overtaken {unluckiest}", flush=True)
        if figures is not ours:
            pairs = list(zip(ours, figures, strict=True))
            rates = spread([one.rate / other.rate for one, other in pairs])
            works = spread([other.work / one.work for one, other in pairs])
            print(f"    the service to it: rate {rates}, CPU {works}", flush=True)


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
