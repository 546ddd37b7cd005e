"""Sweep the patterns, or work of somebody else, on a chosen database."""

import importlib
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from orm_async_tests import db, models
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.kinds import KINDS
from orm_async_tests.faults.outcome import Outcome, Point
from orm_async_tests.faults.patterns import PATTERNS, Pattern
from orm_async_tests.faults.report import Cell
from orm_async_tests.faults.sweeping import again, cells
from orm_async_tests.harness import playground

Tell = Callable[[Cell], None]
USERS, POINTS = 3, 100  # points of each user: a pattern takes one at a time


def chosen(names: Sequence[str], rows: str | None) -> list[Pattern]:
    """The patterns of these names, or all of them. Raises CouldNotRun.

    A name such as "shop.orders:place_order" is somebody's own work, which changes these rows.
    """
    return [_own(name, rows) if ":" in name else _pattern(name) for name in names or PATTERNS]


def chosen_kinds(names: Sequence[str]) -> Sequence[str]:
    """The kinds of faults of these names, or all of them. Raises CouldNotRun."""
    for name in names:
        if name not in KINDS:
            raise CouldNotRun(
                f"there is no fault {name!r}", "--fault", f"one of {', '.join(KINDS)}"
            )
    return names or KINDS


def _pattern(name: str) -> Pattern:
    if name not in PATTERNS:
        raise CouldNotRun(
            f"there is no pattern {name!r}",
            "--pattern",
            f"one of {', '.join(PATTERNS)}, or such as shop.orders:place_order",
        )
    return PATTERNS[name]


def _own(name: str, rows: str | None) -> Pattern:
    module, _, function = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        work = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise CouldNotRun(
            f"{name} could not be imported: {error}",
            "--pattern",
            "module:function, where the module can be imported from the current folder",
        ) from error
    finally:
        sys.path.pop(0)
    return Pattern(work, rows, own=name)


async def sweep_each(
    patterns: Sequence[Pattern],
    database: db.Database,
    kinds: Sequence[str],
    loop: str,
    tell: Tell,
) -> list[Cell]:
    """The cells of each pattern; `tell` is called as soon as one is there."""
    found = []
    for pattern in patterns:
        async with _ground(pattern, database):
            async for cell in cells(
                pattern.work,
                maker(database),
                database.url,
                pattern.rows,
                kinds=kinds,
                warm=pattern.warm,
                loop=loop,
                name=pattern.name,
            ):
                tell(cell)
                found.append(cell)
    return found


async def rerun(pattern: Pattern, database: db.Database, point: Point) -> Outcome:
    """The outcome of one point."""
    async with _ground(pattern, database):
        return await again(
            pattern.work, maker(database), database.url, pattern.rows, point, warm=pattern.warm
        )


def maker(database: db.Database) -> Callable[[], AsyncEngine]:
    """What makes a new engine for each point."""
    return lambda: create_async_engine(database.url)


@asynccontextmanager
async def _ground(pattern: Pattern, database: db.Database) -> AsyncIterator[None]:
    """The shared database with the rows of the patterns; one's own work finds its own as it is."""
    if pattern.own:
        yield
        return
    async with playground.entered(database) as ground:
        await ground.reset(models.Base, world, {})
        yield


async def world(connection: AsyncConnection) -> None:
    """Users with many points."""
    users = "INSERT INTO users (username) SELECT 'username-' || n FROM generate_series(1, :users) n"
    points = """
        INSERT INTO track_points (user_id, lat, lon, date)
        SELECT u, 45, 14, now() FROM generate_series(1, :users) u, generate_series(1, :points) p
    """
    await connection.execute(text(users), {"users": USERS})
    await connection.execute(text(points), {"users": USERS, "points": POINTS})
