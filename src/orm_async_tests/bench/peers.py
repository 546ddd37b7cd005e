"""The whole comparison: contenders started, workloads done, and one result of it all."""

import os
import platform
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from orm_async_tests import db
from orm_async_tests.bench.arena import arena
from orm_async_tests.bench.compared import Comparison
from orm_async_tests.bench.environments import OURS, Contender, contenders
from orm_async_tests.bench.rounds import FEWEST, How
from orm_async_tests.bench.scaling import by_delay, by_memory, by_size
from orm_async_tests.bench.suites import POINTS, Suite
from orm_async_tests.bench.tap import tapped
from orm_async_tests.bench.workers import Worker, all_working
from orm_async_tests.bench.world import Sizes, database_made
from orm_async_tests.errors import CouldNotRun

CHOICE = "sqlalchemy_sync sqlmodel tortoise piccolo django peewee psycopg"


@dataclass(frozen=True)
class Wish:
    """What is to be measured."""

    home: Path
    peers: Sequence[str] | None
    workloads: Sequence[str]
    sizes: Sizes
    how: How
    scaling: bool = False  # other sizes, slow networks, and memory too


def chosen(peers: Sequence[str] | None) -> list[str]:
    """asyncpg and SQLAlchemy on it, and the named peers, or with an empty list all of them.

    Raises CouldNotRun for an unknown name.
    """
    known = contenders()
    if unknown := [name for name in peers or () if name not in known]:
        raise CouldNotRun(f"{unknown[0]!r} is not a contender", "--peers", f"--peers {CHOICE}")
    others = () if peers is None else peers or known
    return [name for name in known if name in OURS or name in others]


@asynccontextmanager
async def comparison(database: db.Database, wish: Wish) -> AsyncIterator[Comparison]:
    """The contenders at work on a database of their own, which is dropped afterwards."""
    known = contenders()
    names = chosen(wish.peers)
    async with (
        database_made(database, wish.sizes) as url,
        meeting(url, [known[name] for name in names], wish.home, POINTS) as found,
    ):
        yield found


@asynccontextmanager
async def meeting(
    url: URL, everyone: Sequence[Contender], home: Path, suite: Suite
) -> AsyncIterator[Comparison]:
    """Contenders at work on a suite, of which the first is the base."""
    with tapped(url) as tap:
        if tap is None:
            raise CouldNotRun("round trips cannot be counted", str(url), "--db embedded")
        async with (
            arena(url, suite) as made,
            all_working([*everyone, everyone[0]], home) as workers,
        ):
            yield Comparison(made, url, tap, workers[:-1], workers[-1])


async def compared(database: db.Database, wish: Wish) -> dict[str, Any]:
    """The result."""
    sizes = vars(wish.sizes)
    result: dict[str, Any] = {}
    async with comparison(database, wish) as found:
        result["stack"] = stack_of(database, found.workers)
        result["workloads"] = []
        for name in wish.workloads:
            print(f"bench: {name}", file=sys.stderr)
            result["workloads"].append(await found.compare(name, sizes, wish.how))
        if wish.scaling:
            print("bench: by size, by delay, by memory", file=sys.stderr)
            least = How(FEWEST, 0)
            result["sizes"] = await by_size(found, wish.workloads, sizes, least)
            result["delays"] = await by_delay(found, wish.workloads, least)
            if "stream" in wish.workloads:
                result["memory"] = await by_memory(found, wish.home, wish.sizes.read)
        patterns = [each for worker in found.workers for each in worker.patterns]
    result["code"] = {each.key: each.code for each in patterns}
    result["stack"]["load"].append(load())
    return result


def stack_of(database: db.Database, workers: Sequence[Worker]) -> dict[str, Any]:
    """The machine, the server, and what each contender consists of."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "cpus": os.cpu_count(),
        "load": [load()],
        "server": database.label,
        "contenders": {
            worker.contender.name: {"versions": worker.versions, "why": worker.contender.why}
            for worker in workers
        },
    }


def load() -> float:
    """How many processes want a CPU."""
    return round(os.getloadavg()[0], 1)
