"""Sweep the patterns, or work of somebody else, on a chosen database."""

import importlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from orm_async_tests import db, models
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.kinds import ANYWHERE, KINDS, SILENT, USUAL
from orm_async_tests.faults.outcome import Outcome, Point
from orm_async_tests.faults.patterns import PATTERNS, Pattern
from orm_async_tests.faults.report import Cell
from orm_async_tests.faults.sweeping import again, cells, refuse_kill
from orm_async_tests.harness.environment import script_database
from orm_async_tests.harness.environment.private_servers import data_directory, url_of
from orm_async_tests.postgres import PrivateServer, private_server
from orm_async_tests.postgres.cluster import DURABLE

Tell = Callable[[Cell], None]
TIMEOUTS: dict[str, dict[str, float]] = {  # seconds; psycopg has none for a command
    "asyncpg": {"timeout": 0.75, "command_timeout": 0.75},
    "psycopg": {"connect_timeout": 2},
}
USERS, POINTS = 3, 100  # points of each user: a pattern takes one at a time


@dataclass(frozen=True, eq=False)
class Place:
    """A database in which patterns are swept, how, and its server if that may be killed."""

    database: db.Database
    connect_args: Mapping[str, float] = field(default_factory=dict)
    private: PrivateServer | None = None


def chosen(names: Sequence[str], rows: str | None) -> list[Pattern]:
    """The patterns of these names, or all of them. Raises CouldNotRun.

    One that is named is swept by every kind of fault that is asked for.
    A name such as "shop.orders:place_order" is somebody's own work, which changes these rows.
    """
    named = [_own(name, rows) if ":" in name else _pattern(name) for name in names]
    return named or list(PATTERNS.values())


def chosen_kinds(names: Sequence[str]) -> Sequence[str]:
    """The kinds of faults of these names; without a name the usual ones. Raises CouldNotRun."""
    for name in names:
        if name not in KINDS:
            raise CouldNotRun(
                f"there is no fault {name!r}", "--fault", f"one of {', '.join(KINDS)}"
            )
    return names


def usual_kinds(patterns: Sequence[Pattern], database: db.Database) -> Sequence[str]:
    """What is swept if nothing is asked for: no server is killed beside somebody's own."""
    theirs = database.kind != "embedded" or any(each.own for each in patterns)
    return ANYWHERE if theirs else USUAL


def _pattern(name: str) -> Pattern:
    if name not in PATTERNS:
        raise CouldNotRun(
            f"there is no pattern {name!r}",
            "--pattern",
            f"one of {', '.join(PATTERNS)}, or such as shop.orders:place_order",
        )
    return replace(PATTERNS[name], kinds=frozenset(KINDS))


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
    return Pattern(work, rows, own=name, kinds=frozenset(KINDS))


async def sweep_one(
    pattern: Pattern, places: Mapping[str, Place], loop: str, tell: Tell
) -> list[Cell]:
    """The cells of a pattern, by each kind that has a place; `tell` is called of each."""
    found = []
    for place in dict.fromkeys(places.values()):
        here = [kind for kind in pattern.kinds.intersection(places) if places[kind] is place]
        async for cell in _cells(pattern, place, sorted(here, key=KINDS.index), loop):
            tell(cell)
            found.append(cell)
    return found


async def _cells(
    pattern: Pattern, place: Place, kinds: Sequence[str], loop: str
) -> AsyncIterator[Cell]:
    if not kinds:
        return
    async with _ground(pattern, place):
        async for cell in cells(
            pattern.work,
            maker(pattern, place),
            place.database.url,
            pattern.rows,
            kinds=kinds,
            warm=pattern.warm,
            loop=loop,
            name=pattern.name,
            private=place.private,
        ):
            yield cell


async def rerun(pattern: Pattern, place: Place, point: Point) -> Outcome:
    """The outcome of one point."""
    async with _ground(pattern, place):
        return await again(
            pattern.work,
            maker(pattern, place),
            place.database.url,
            pattern.rows,
            point,
            warm=pattern.warm,
            private=place.private,
        )


def maker(pattern: Pattern, place: Place) -> Callable[[], AsyncEngine]:
    """What makes a new engine for each point."""
    arguments = dict(place.connect_args) if pattern.timed else {}
    return lambda: create_async_engine(place.database.url, connect_args=arguments)


@contextmanager
def places_for(database: db.Database, kinds: Sequence[str]) -> Iterator[dict[str, Place]]:
    """Where each kind of fault is injected; what is killed is a server of our own."""
    usual, patient = Place(database), Place(database, TIMEOUTS[database.driver])
    places = {kind: patient if kind in SILENT else usual for kind in kinds}
    if "kill" not in kinds:
        yield places
        return
    with private_server(data_directory(), **DURABLE) as private:
        url = url_of(private, database.driver)
        places["kill"] = Place(db.Database(url, "url", "the private server"), private=private)
        yield places


@asynccontextmanager
async def _ground(pattern: Pattern, place: Place) -> AsyncIterator[None]:
    """The database with the rows of the patterns; one's own work finds its own as it is."""
    if pattern.own and place.private is not None:
        refuse_kill(["kill"])
    if pattern.own:
        yield
    elif place.private is not None:
        await script_database.load(models.Base, world, {}, place.database.url)
        yield
    else:
        async with script_database.open_script_database(place.database) as ground:
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
