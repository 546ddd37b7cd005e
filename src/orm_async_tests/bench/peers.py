"""The whole comparison: contenders started, workloads done, and one result of it all."""

import os
import platform
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orm_async_tests import db
from orm_async_tests.bench.arena import arena
from orm_async_tests.bench.compared import Comparison
from orm_async_tests.bench.environments import OURS, contenders
from orm_async_tests.bench.tap import tapped
from orm_async_tests.bench.workers import Worker, all_working
from orm_async_tests.bench.world import Sizes, database_made
from orm_async_tests.errors import CouldNotRun

CHOICE = "sqlalchemy_sync sqlmodel tortoise piccolo django peewee psycopg"


@dataclass(frozen=True)
class Wish:
    """What is to be measured, and how long a workload may go on after the fewest rounds."""

    home: Path
    peers: Sequence[str]
    workloads: Sequence[str]
    sizes: Sizes
    rounds: int
    seconds: float


def chosen(peers: Sequence[str]) -> list[str]:
    """asyncpg, our contenders, and the named ones or all; CouldNotRun for an unknown name."""
    known = contenders()
    if unknown := [name for name in peers if name not in known]:
        raise CouldNotRun(f"{unknown[0]!r} is not a contender", "--peers", f"--peers {CHOICE}")
    return [name for name in known if name in OURS or name in (peers or known)]


@asynccontextmanager
async def comparison(database: db.Database, wish: Wish) -> AsyncIterator[Comparison]:
    """The contenders at work on a database of their own, which is dropped afterwards."""
    known = contenders()
    names = chosen(wish.peers)
    async with database_made(database, wish.sizes) as url:
        with tapped(url) as tap:
            if tap is None:
                raise CouldNotRun("round trips cannot be counted", database.label, "--db embedded")
            everyone = [known[name] for name in (*names, names[0])]
            async with arena(url) as made, all_working(everyone, wish.home) as workers:
                yield Comparison(made, url, tap, workers[:-1], workers[-1])


async def compared(database: db.Database, wish: Wish) -> dict[str, Any]:
    """The result."""
    async with comparison(database, wish) as found:
        stack = stack_of(database, found.workers)
        patterns = [each for worker in found.workers for each in worker.patterns]
        workloads = [
            await found.compare(name, vars(wish.sizes), wish.rounds, wish.seconds)
            for name in wish.workloads
        ]
    code = {each.key: each.code for each in patterns}
    return {"stack": stack, "workloads": workloads, "code": code}


def stack_of(database: db.Database, workers: Sequence[Worker]) -> dict[str, Any]:
    """The machine, the server, and what each contender consists of."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "load": round(os.getloadavg()[0], 2),
        "server": database.label,
        "contenders": {
            worker.contender.name: {"versions": worker.versions, "why": worker.contender.why}
            for worker in workers
        },
    }
