"""Sweep the patterns with one of three tools, in the environment of one stack: see tools/rivals.py.

python tools/rival_sweeps.py TOOL DRIVER    the database is DATABASE_URL's; a line of JSON for
                                            each pattern

Each tool is used as its documentation says, on the same patterns, rows and server:

ours         orm_async_tests.faults, by the faults `cancel` and `cancel+cancel`
sqlalchemy   sqlalchemy.testing.cancellation.sweep(), with its own oracle
cancellens   cancellens.sweep(), with an oracle of what its README names: what was taken is given
             back (to the pool, and in the server), the rows are consistent, and the same pool can
             be used again
"""

import asyncio
import importlib
import importlib.util
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from orm_async_tests import db, models
from orm_async_tests.faults import inject, outcome
from orm_async_tests.faults.patterns import PATTERNS, Pattern
from orm_async_tests.faults.runs import world
from orm_async_tests.faults.server import STATES
from orm_async_tests.faults.sweeping import cells
from orm_async_tests.harness import checked_out
from orm_async_tests.harness.environment import script_database

Found = dict[str, Any]
ONCE, PAIR = "cancel", "cancel+cancel"
MODULE = "sqlalchemy.testing.cancellation"
MODULE_FILE = "RIVALS_CANCELLATION"  # its file of another release, for those that have none
BROKEN = {  # what SQLAlchemy's oracle says, by the names of ours
    r"the cancelled task was not cancelled; it ([^;]+)": outcome.SWALLOWED,
    r"(\d+ of \d+ connection\(s\)) were left open": outcome.ORPHAN,
    r"(\d+ pool slot\(s\)) were left checked out": outcome.CHECKED_OUT,
    r"the next use of the pool raised ([^;]+)": outcome.UNUSABLE,
}
REPORTED = re.compile(r"cancel at await point\(s\) ([\d, ]+) of \d+ \((.*?)\): (.*)", re.DOTALL)


async def ours(pattern: Pattern, database: db.Database) -> Found:
    """Every suspension of every task, at both moments, with one cancel and with a second one."""
    found = [
        cell
        async for cell in cells(
            pattern.work,
            lambda: create_async_engine(database.url),
            database.url,
            pattern.rows,
            kinds=(ONCE, PAIR),
            warm=pattern.warm,
            name=pattern.name,
        )
    ]
    broken = []
    for cell in found:
        for each in cell.violating:
            one = point(each.point.token, each.label, each.violations)
            broken.append(one | {"twice": True} if cell.fault.kind == PAIR else one)
    counts = Counter({ONCE: 0, PAIR: 0})
    for cell in found:
        counts[cell.fault.kind] += len(cell.outcomes)
    return {"points": counts[ONCE], "twice": counts[PAIR], "found": broken}


async def sqlalchemy(pattern: Pattern, database: db.Database) -> Found:
    """The awaits of greenlet_spawn(), with one cancel and with a second one after it."""
    module, why = cancellation()
    made: list[AsyncEngine] = []

    def make_engine() -> AsyncEngine:
        made.append(create_async_engine(database.url))
        return made[-1]

    once = await module.sweep(make_engine, pattern.work, warm=pattern.warm)
    count = len(made) - 1  # one run is without a cancel
    both = await module.sweep(make_engine, pattern.work, warm=pattern.warm, cancels=2)
    second = len(made) - 2 * (count + 1) - count
    twice = [each for each in map(reported, both) if each not in map(reported, once)]
    found = [*map(reported, once), *(each | {"twice": True} for each in twice)]
    return {"points": count, "twice": second, "found": found, "why": why}


def cancellation() -> tuple[Any, str]:
    """The module of this release, or a newer release's where it has none, and a word about that."""
    if importlib.util.find_spec(MODULE) is not None:
        return importlib.import_module(MODULE), ""
    importlib.import_module("sqlalchemy.testing")
    spec = importlib.util.spec_from_file_location(MODULE, os.environ[MODULE_FILE])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, "with a newer release's module"


def reported(line: str) -> Found:
    """A line of SQLAlchemy's sweep as a point."""
    matched = REPORTED.fullmatch(line)
    assert matched is not None, line
    at, where, said = matched.groups()
    told = {name: re.search(form, said) for form, name in BROKEN.items()}
    broken = {name: each[1] for name, each in told.items() if each is not None}
    assert broken, line
    return point(at, where, broken)


def point(at: str, where: str, broken: dict[str, str]) -> Found:
    """Where something was broken, and what."""
    return {"at": at, "where": where, "broken": broken}


async def cancellens(pattern: Pattern, database: db.Database) -> Found:
    """The suspensions of the caller's task, with one cancel and with a second one after it."""
    module = importlib.import_module("cancellens")
    limits = module.Limits(max_attempts=5000, phase_timeout=10.0, total_timeout=1200.0)
    async with watched(pattern, database) as case:
        report = await module.sweep(module.Case(*case), limits=limits)
    found = []
    for each in report.attempts:
        schedule = each.schedule.cancel_at
        if each.outcome.value in ("FAIL", "ERROR"):
            said: dict[str, str] = dict.fromkeys((each.oracle.detail or "error").split(", "), "")
            where = each.schedule.prefix[-1].stack[-1].function if schedule else ""
            one = point(", ".join(map(str, schedule)), where, said)
            found.append(one | {"twice": True} if len(schedule) == 2 else one)
    cover = report.coverage
    return {
        "points": cover.single_valid,
        "twice": cover.double_valid,
        "found": found,
        "why": "; ".join(dict.fromkeys(cover.reasons)),
    }


@asynccontextmanager
async def watched(pattern: Pattern, database: db.Database) -> AsyncIterator[tuple[Any, ...]]:
    """The four callbacks of a case."""
    require = importlib.import_module("cancellens").require
    whole: list[Any] = []
    async with db.connect(database, "oracle", isolation_level="AUTOCOMMIT") as connection:

        async def rows() -> tuple[Any, ...]:
            return tuple((await connection.execute(text(pattern.rows or "select 0"))).one())

        async def factory() -> tuple[AsyncEngine, str, tuple[Any, ...]]:
            name = f"rivals {uuid4().hex[:12]}"  # what outlives one run is not seen by the next
            named = db.application_name(database.driver, name)
            engine = create_async_engine(database.url, connect_args=named)
            if pattern.warm:
                await use(engine)
            return engine, name, await rows()

        async def operation(state: Any) -> None:
            await pattern.work(state[0])

        async def oracle(state: Any, completion: Any) -> None:
            engine, name, before = state
            taken = checked_out(engine)
            at_work = await still_open(connection, name)
            change = tuple(new - old for new, old in zip(await rows(), before, strict=True))
            whole.append(change)  # of the first run, which has no cancel
            broken = {
                outcome.SWALLOWED: completion.state not in ("returned", "cancelled"),
                outcome.CHECKED_OUT: taken > 0,
                outcome.OPEN_BACKEND: at_work,
                outcome.PARTLY: any(change) and change != whole[0],
                outcome.UNUSABLE: await fails(engine),
            }
            names = [name for name, is_broken in broken.items() if is_broken]
            require(not names, ", ".join(names))

        async def teardown(state: Any) -> None:
            await state[0].dispose()

        yield factory, operation, oracle, teardown


async def still_open(connection: AsyncConnection, name: str) -> bool:
    """Whether after seconds a connection of this name is at work, or has a transaction open."""
    deadline = time.monotonic() + inject.SETTLED_WITHIN
    while time.monotonic() < deadline:
        states = await connection.scalars(text(STATES), {"name": name})
        if not set(states) & set(outcome.OPEN):
            return False
    return True


async def use(engine: AsyncEngine) -> None:
    """Use the engine once."""
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))


async def fails(engine: AsyncEngine) -> bool:
    """Whether the next use of the engine fails."""
    try:
        await use(engine)
    except Exception:
        return True
    return False


TOOLS: dict[str, Callable[[Pattern, db.Database], Awaitable[Found]]] = {
    "ours": ours,
    "sqlalchemy": sqlalchemy,
    "cancellens": cancellens,
}


async def swept(tool: str, pattern: Pattern, database: db.Database) -> Found:
    """What a tool finds in a pattern, on fresh rows."""
    async with script_database.entered(database) as ground:
        await ground.reset(models.Base, world, {})
        return await TOOLS[tool](pattern, database)


def main() -> int:
    """Print what a tool finds, a line for each pattern."""
    tool, driver = sys.argv[1:]
    with db.open_database(os.environ["DATABASE_URL"], driver) as database:
        for pattern in PATTERNS.values():
            try:
                found = asyncio.run(swept(tool, pattern, database))
            except Exception as error:
                first = str(error).partition("\n")[0]
                found = {"failed": f"{type(error).__name__}: {first}"}
            print(json.dumps({"pattern": pattern.name, **found}), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
