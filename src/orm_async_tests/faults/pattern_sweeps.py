"""Chooses patterns or the user's functions, and plans their sweeps on a database."""

import asyncio
import importlib
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    async_sessionmaker,
    create_async_engine,
)

from orm_async_tests import db, models
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.fault_points import ANYWHERE, KINDS, SILENT, USUAL
from orm_async_tests.faults.patterns import PATTERNS, Pattern
from orm_async_tests.faults.sweeping import Sweep, refuse_kill
from orm_async_tests.harness.environment import script_database
from orm_async_tests.harness.environment.servers import data_directory, url_of
from orm_async_tests.postgres import PrivateServer, private_server
from orm_async_tests.postgres.cluster import DURABLE

TIMEOUTS: dict[str, dict[str, float]] = {  # seconds; psycopg has none for a command
    "asyncpg": {"timeout": 0.75, "command_timeout": 0.75},
    "psycopg": {"connect_timeout": 2},
}
USERS, POINTS_PER_USER = 3, 100
FORM = (
    "async def work(engine: AsyncEngine), which gets an engine for --db, or async def work(), "
    "which uses an engine or async_sessionmaker of its module"
)


def select_patterns(names: Sequence[str], rows: str | None) -> list[Pattern]:
    """Return the patterns with these names. Without names, return all patterns. Raises CouldNotRun.

    If you name a pattern, test it with every kind of fault in the option `--fault`. A name such as
    "shop.orders:place_order" means a function of the user. `rows` is a query, and
    the user's function must change the numbers that the query returns.
    """
    patterns = [_load_pattern(name, rows) for name in names]
    if len(patterns) > 1 and any(pattern.engine for pattern in patterns):
        name = next(pattern.name for pattern in patterns if pattern.engine)
        problem = f"{name} uses an engine of its own, so that it cannot share a database"
        raise CouldNotRun(problem, "--pattern", f"--pattern {name} alone")
    return patterns or list(PATTERNS.values())


def check_kinds(names: Sequence[str]) -> None:
    """Raise CouldNotRun if a name is not a kind of fault."""
    if unknown := [name for name in names if name not in KINDS]:
        remedy = f"one of {', '.join(KINDS)}"
        raise CouldNotRun(f"there is no fault {unknown[0]!r}", "--fault", remedy)


def default_kinds(patterns: Sequence[Pattern], database: db.Database) -> Sequence[str]:
    """Return the kinds of faults that a sweep uses without the option `--fault`.

    If the database or a pattern belongs to the user, leave out faults that kill the server.
    """
    is_users = database.kind != "embedded" or any(pattern.is_users for pattern in patterns)
    return ANYWHERE if is_users else USUAL


def _load_pattern(name: str, rows: str | None) -> Pattern:
    if name in PATTERNS:
        return replace(PATTERNS[name], kinds=frozenset(KINDS))
    if ":" not in name:
        remedy = f"one of {', '.join(PATTERNS)}, or module:function for a function of yours"
        raise CouldNotRun(f"there is no pattern {name!r}", "--pattern", remedy)
    function = _load_function(name)
    pattern = Pattern(function, rows, path=name, kinds=frozenset(KINDS))
    if _required_parameters(function):
        return pattern
    work = lambda _: function()  # noqa: E731 (a frame of its own would be in labels)
    return replace(pattern, work=work, engine=_find_engine(function, name))


def _load_function(name: str) -> Callable[..., Any]:
    """Import a function from a text such as "module:function". Look for the module in the current
    directory first. Raises CouldNotRun.
    """
    module, _, function = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        if not module or not function:
            raise ImportError("the name must have a module and a function")
        loaded: Callable[..., Any] = getattr(importlib.import_module(module), function)
    except Exception as error:  # an import runs the user's code
        raise CouldNotRun(
            f"{name} could not be imported: {type(error).__name__}: {error}",
            "--pattern",
            "module:function, where Python can import the module from the current directory",
        ) from error
    finally:
        sys.path.pop(0)
    if problem := _find_problem(loaded):
        raise CouldNotRun(f"{name} {problem}", "--pattern", FORM)
    return loaded


def _find_problem(function: Any) -> str:
    """Return why a sweep cannot call the function, or "" if a sweep can call it."""
    if not callable(function):
        return f"is not a function, but an object of the class {type(function).__name__}"
    if not inspect.iscoroutinefunction(function):
        return "is not an async function"
    required = _required_parameters(function)
    if len(required) > 1:
        names = ", ".join(parameter.name for parameter in required)
        return f"requires {len(required)} arguments: {names}"
    for parameter in required:
        annotation = parameter.annotation
        text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
        class_name = text.rpartition(".")[2].strip("'\"")
        if annotation is not parameter.empty and class_name not in ("", "AsyncEngine"):
            return f"takes {class_name}, not an engine"
    return ""


def _required_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


def _find_engine(function: Callable[..., Any], name: str) -> AsyncEngine:
    """Return the engine in the function's module. If the module has no engine, look in the modules
    that it imports from the same package.

    Raise CouldNotRun if there is no engine, or more than one.
    """
    engines = {id(engine): engine for engine in _walk_engines(inspect.unwrap(function))}
    if len(engines) == 1:
        return next(iter(engines.values()))
    problem = f"{len(engines)} engines" if engines else "no engine and no bound async_sessionmaker"
    raise CouldNotRun(f"the module of {name} has {problem}", "--pattern", FORM)


def _walk_engines(function: Callable[..., Any]) -> Iterator[AsyncEngine]:
    package = function.__module__.partition(".")[0]
    values = list(function.__globals__.values())
    modules = [value for value in values if isinstance(value, ModuleType)]
    for module in modules:
        if module.__name__.partition(".")[0] == package:
            values += vars(module).values()
    for value in values:
        engine = value.kw.get("bind") if isinstance(value, async_sessionmaker) else value
        if isinstance(engine, AsyncEngine):
            yield engine


@contextmanager
def open_database(
    patterns: Sequence[Pattern], choice: str | None, driver: str | None
) -> Iterator[db.Database]:
    """Open the chosen database. If a pattern has its own engine, open that engine's database.

    Raise CouldNotRun if the database cannot be reached.
    """
    engine = next((pattern.engine for pattern in patterns if pattern.engine), None)
    with ExitStack() as stack:
        if engine is None:
            database = stack.enter_context(db.open_database(choice, driver))
        else:
            name = patterns[0].name
            if choice or driver:
                problem = f"{name} uses the engine of its module, and no other database"
                option = "--db" if choice else "--driver"
                raise CouldNotRun(problem, option, f"the command without {option}")
            if engine.driver not in db.DRIVERS:
                problem = f"the engine of {name} uses {engine.driver}"
                remedy = f"an engine for {' or '.join(db.DRIVERS)}"
                raise CouldNotRun(problem, "--pattern", remedy)
            database = db.Database(engine.url, "url", f"the engine of {name}")
        asyncio.run(_connect_once(database))
        yield database


async def _connect_once(database: db.Database) -> None:
    async with db.connect(database, "orm_async_tests faults"):
        pass


@contextmanager
def open_private_server(
    patterns: Sequence[Pattern], kinds: Sequence[str]
) -> Iterator[PrivateServer | None]:
    """While the block runs, provide a private server if a kind of fault kills the server. Otherwise
    yield None.

    Raise CouldNotRun for a user's function, because a private server does not have the user's
    tables.
    """
    if any(pattern.is_users for pattern in patterns):
        refuse_kill(kinds)
    if "kill" not in kinds:
        yield None
        return
    with private_server(data_directory(), **DURABLE) as private:
        yield private


def plan_sweeps(
    pattern: Pattern,
    database: db.Database,
    kinds: Sequence[str],
    loop: str,
    private: PrivateServer | None,
) -> list[Sweep]:
    """Return up to three sweeps for a pattern: on the database, on a silent network, and on a
    private server.

    The kinds of faults are divided among the sweeps, because a silent network needs timeouts, and a
    kill needs a private server.
    """
    selected = [kind for kind in KINDS if kind in kinds and kind in pattern.kinds]
    usual = tuple(kind for kind in selected if kind not in SILENT and kind != "kill")
    silent = tuple(kind for kind in selected if kind in SILENT)
    sweep = Sweep(
        pattern.work,
        _engine_factory(pattern, database.url, {}),
        database.url,
        pattern.name,
        usual,
        rows=pattern.rows,
        warm=pattern.warm,
        loop=loop,
        prepare=nullcontext if pattern.is_users else partial(_fill_database, database),
    )
    sweeps = [sweep] if usual else []
    if silent:
        timeouts = TIMEOUTS[database.driver] if pattern.timed else {}
        make_engine = _engine_factory(pattern, database.url, timeouts)
        sweeps.append(replace(sweep, kinds=silent, make_engine=make_engine))
    if "kill" in selected and private is not None:
        url = url_of(private, database.driver)
        make_engine = _engine_factory(pattern, url, {})
        on_private = replace(sweep, kinds=("kill",), make_engine=make_engine, url=url)
        prepare = partial(_fill_private_database, url)
        sweeps.append(replace(on_private, private=private, prepare=prepare))
    return sweeps


def _engine_factory(
    pattern: Pattern, url: URL, timeouts: Mapping[str, float]
) -> Callable[[], AsyncEngine]:
    """Return a function that returns the pattern's engine, or a new engine on every call."""
    engine = pattern.engine
    if engine is not None:
        return lambda: engine
    return lambda: create_async_engine(url, connect_args=dict(timeouts))


@asynccontextmanager
async def _fill_database(database: db.Database) -> AsyncIterator[None]:
    """Lock the scripts' database while the block runs, and fill its tables."""
    async with script_database.open_script_database(database) as prepared:
        await prepared.reset(models.Base, insert_rows, {})
        yield


@asynccontextmanager
async def _fill_private_database(url: URL) -> AsyncIterator[None]:
    """Create the scripts' tables on a private server, and fill them."""
    await script_database.load(models.Base, insert_rows, {}, url)
    yield


async def insert_rows(connection: AsyncConnection) -> None:
    """Insert users with many points, because some patterns delete a point in every run."""
    users = "INSERT INTO users (username) SELECT 'username-' || n FROM generate_series(1, :users) n"
    points = """
        INSERT INTO track_points (user_id, lat, lon, date)
        SELECT u, 45, 14, now() FROM generate_series(1, :users) u, generate_series(1, :points) p
    """
    await connection.execute(text(users), {"users": USERS})
    await connection.execute(text(points), {"users": USERS, "points": POINTS_PER_USER})
