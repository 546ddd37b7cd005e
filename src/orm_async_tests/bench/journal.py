"""The workloads of tortoise/orm-benchmarks, done by contenders with equal pools and answers."""

import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import URL

from orm_async_tests import db
from orm_async_tests.bench.arena import arena, login
from orm_async_tests.bench.compared import Answer, Comparison
from orm_async_tests.bench.contenders.given import TASKS, Login
from orm_async_tests.bench.environments import Contender, contenders
from orm_async_tests.bench.peers import load, meeting, stack_of
from orm_async_tests.bench.rounds import How
from orm_async_tests.bench.suites import JOURNAL
from orm_async_tests.bench.workers import working
from orm_async_tests.bench.world import Sizes, database_made

FAIR = ("asyncpg", "sqlalchemy", "sqlalchemy_tuned", "tortoise", "piccolo")
GAP = ("tortoise", "published", "published_warm", "sqlalchemy")
OLDER = "asyncpg==0.31.0"  # the last that hashes a password in Python: published figures are older
ITERATIONS = """SELECT set_config(name, '4096', false) FROM pg_settings
    WHERE name = 'scram_iterations'"""  # from PostgreSQL 16 on; before, there are always so many
OURS = {"published": "sqlalchemy", "published_warm": "sqlalchemy"}  # whose library they are about


@dataclass(frozen=True)
class Wish:
    """What is to be measured: rows of a turn, and as few as the published figures are of."""

    home: Path
    rows: int
    few: int
    how: How


def journal_contenders(names: Sequence[str]) -> list[Contender]:
    """Contenders with these names; the first is what the others are compared with."""
    known = contenders()
    made = {name: replace(known[OURS.get(name, name)], name=name) for name in names}
    return [replace(each, folder=JOURNAL.folder) for each in made.values()]


def with_older(driver: str, contender: Contender) -> Contender:
    """The same with an older asyncpg, in an environment of its own."""
    here = tuple(name for name in contender.here or contender.libraries if name != "asyncpg")
    return replace(contender, pins=(*contender.pins, driver), here=here)


async def measured(database: db.Database, wish: Wish) -> dict[str, Any]:
    """The result: everybody beside raw asyncpg, and what a published gap is made of."""
    async with database_made(database, Sizes(write=0, read=0)) as url:
        everyone = journal_contenders(FAIR)
        async with meeting(url, everyone, wish.home, JOURNAL) as found:
            stack = stack_of(database, found.workers)
            workloads = await compared(found, wish.rows, wish.how)
        async with meeting(url, journal_contenders(GAP), wish.home, JOURNAL) as found:
            gap = await compared(found, wish.few, wish.how)
        two = journal_contenders(GAP[:2])
        then = await once(url, [with_older(OLDER, each) for each in two], wish)
        new = await once(url, two, wish)
    stack["load"].append(load())
    return {"stack": stack, "workloads": workloads, "gap": gap, "once": new, "then": then}


async def compared(found: Comparison, rows: int, how: How) -> list[Answer]:
    """Each workload by everybody who is here."""
    workloads = []
    for name in JOURNAL.titles:
        print(f"bench: {name}, {rows} rows", file=sys.stderr)
        workloads.append(await found.compare(name, {"rows": rows}, how))
    return workloads


@asynccontextmanager
async def usual_login(url: URL) -> AsyncIterator[Login]:
    """A role whose password a client has to hash as often as PostgreSQL wants it by default.

    The embedded server wants it once.
    """
    name = f"journal_{uuid4().hex}"
    async with arena(url, JOURNAL) as made:
        await made.connection.execute(f"{ITERATIONS}; CREATE ROLE {name} LOGIN PASSWORD '{name}'")
        await made.connection.execute(f"GRANT ALL ON journal, journal_id_seq TO {name}")
        try:
            yield replace(login(url), user=name, password=name)
        finally:
            await made.connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


async def once(url: URL, everyone: Sequence[Contender], wish: Wish) -> list[Answer]:
    """Each workload's milliseconds if only the workloads before it were done in the process.

    In each round everybody gets a new process, in an order that is turned round for the next.
    """
    print(f"bench: in new processes, {wish.few} rows", file=sys.stderr)
    taken: dict[tuple[str, str], list[float]] = defaultdict(list)
    async with arena(url, JOURNAL) as made, usual_login(url) as usual:
        for number in range(wish.how.rounds):
            for contender in everyone if number % 2 else reversed(everyone):
                async with working(contender, wish.home) as worker:
                    await worker.connect(usual, TASKS)
                    for pattern in worker.patterns:
                        found = await made.turn(worker, pattern, {"rows": wish.few})
                        milliseconds = round(found["seconds"] * 1e3, 3)
                        taken[pattern.name, contender.name].append(milliseconds)
    return [
        {
            "name": name,
            "patterns": [
                {"contender": each.name, "mark": "", "milliseconds": taken[name, each.name]}
                for each in everyone
            ],
        }
        for name in JOURNAL.titles
    ]
