"""Selects the functions to test, and plans their sweeps."""

import asyncio
import importlib
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, async_sessionmaker

from orm_async_tests import db, models
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.fault_points import KINDS, SILENT
from orm_async_tests.faults.injection import SweptFunction
from orm_async_tests.faults.patterns import PATTERNS
from orm_async_tests.faults.sweeping import Sweep, read_url, refuse_kill, select_kinds
from orm_async_tests.harness.environment import script_database
from orm_async_tests.harness.environment.servers import data_directory, url_of
from orm_async_tests.postgres import PrivateServer, private_server
from orm_async_tests.postgres.cluster import DURABLE

TIMEOUTS: dict[str, dict[str, float]] = {  # seconds; psycopg has none for a command
    "asyncpg": {"timeout": 0.75, "command_timeout": 0.75},
    "psycopg": {"connect_timeout": 2},
}
FORM = (
    "write async def function(engine: AsyncEngine), which gets an engine for --db, or async def "
    "function(), which uses an engine or async_sessionmaker of its module"
)


def select_functions(names: Sequence[str], rows: str | None) -> list[SweptFunction]:
    """Return the functions with these names, or all patterns if `names` is empty.

    A name is a pattern, for example "transfer", or a user's function, for example
    "shop.orders:place_order". The query `rows` returns numbers that a user's function changes, for
    example counts of rows.
    """
    functions = [_select_function(name, rows) for name in names]
    if rows and not any(swept.users_name for swept in functions):
        remedy = "omit --rows, or add --pattern module:function with your own function"
        raise CouldNotRun("this project's patterns have queries of their own", "--rows", remedy)
    with_engine = [swept.name for swept in functions if swept.engine]
    if with_engine and len(functions) > 1:
        first = with_engine[0]
        problem = f"{first} uses its own engine, so the command cannot sweep a second function"
        raise CouldNotRun(problem, "--pattern", f"use --pattern {first} alone")
    return functions or list(PATTERNS.values())


def default_kinds(
    functions: Sequence[SweptFunction], database: db.Database, say: Callable[[str], None] = print
) -> Sequence[str]:
    """Return the kinds of faults for a command without `--fault`.

    Include the kind "kill" only for patterns on the embedded server.
    """
    is_users = database.kind != "embedded" or any(swept.users_name for swept in functions)
    usual = select_kinds((), say)
    return usual if is_users else (*usual, "kill")


def _select_function(name: str, rows: str | None) -> SweptFunction:
    if name in PATTERNS:  # a user who names a pattern selects the kinds with --fault
        return replace(PATTERNS[name], kinds=frozenset(KINDS))
    if ":" not in name:
        remedy = f"choose one of {', '.join(PATTERNS)}, or type module:function"
        raise CouldNotRun(f"there is no pattern {name!r}", "--pattern", remedy)
    function = _load_function(name)
    if problem := _find_problem(function):
        raise CouldNotRun(f"{name} {problem}", "--pattern", FORM)
    swept = SweptFunction(function, rows, users_name=name, kinds=frozenset(KINDS))
    if _required_parameters(function):
        return swept
    engines = {id(engine): engine for engine in _walk_engines(inspect.unwrap(function))}
    if len(engines) != 1:
        count = (
            f"{len(engines)} engines" if engines else "no engine and no bound async_sessionmaker"
        )
        raise CouldNotRun(f"the module of {name} has {count}", "--pattern", FORM)
    without_engine = lambda _: function()  # noqa: E731 (a frame of its own would be in labels)
    return replace(swept, function=without_engine, engine=next(iter(engines.values())))


def _load_function(name: str) -> Any:
    """Import a function by its name, for example "shop.orders:place_order"."""
    module, _, function = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        if not module or not function:
            raise ImportError("the function's name must have the form module:function")
        return getattr(importlib.import_module(module), function)
    except Exception as error:  # an import runs the user's code
        raise CouldNotRun(
            f"{name} could not be imported: {type(error).__name__}: {error}",
            "--pattern",
            "write module:function, and run the command in a folder where `import module` works",
        ) from error
    finally:
        sys.path.pop(0)


def _find_problem(function: Any) -> str:
    if not callable(function):
        return f"is not a function, but an object of the class {type(function).__name__}"
    if not inspect.iscoroutinefunction(function):
        return "is not an async function"
    required = _required_parameters(function)
    if len(required) > 1:
        names = ", ".join(parameter.name for parameter in required)
        return f"requires {len(required)} arguments: {names}"
    for parameter in required:
        annotation = inspect.formatannotation(parameter.annotation)
        class_name = annotation.rpartition(".")[2].strip("'\"")
        if parameter.annotation is not parameter.empty and class_name != "AsyncEngine":
            return f"takes {class_name}, not an engine"
    return ""


def _required_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


def _walk_engines(function: Any) -> Iterator[AsyncEngine]:
    """Yield the engines that the function's module defines or imports."""
    package = function.__module__.partition(".")[0]
    values = list(function.__globals__.values())
    # The engine may be in an imported module of the same package, for example `shop.database`.
    for module in filter(inspect.ismodule, list(values)):
        if module.__name__.partition(".")[0] == package:
            values += vars(module).values()
    for value in values:
        engine = value.kw.get("bind") if isinstance(value, async_sessionmaker) else value
        if isinstance(engine, AsyncEngine):
            yield engine


@contextmanager
def open_swept_database(
    functions: Sequence[SweptFunction], choice: str | None, driver: str | None
) -> Iterator[db.Database]:
    engine, name = functions[0].engine, functions[0].name
    opened: AbstractContextManager[db.Database]
    if engine is None:
        opened = db.open_database(choice, driver)
    elif choice or driver:
        problem = f"{name} uses the engine of its module, and no other database"
        option = "--db" if choice else "--driver"
        raise CouldNotRun(problem, option, f"repeat the command without {option}")
    else:
        opened = nullcontext(db.Database(read_url(engine), "url", f"the engine of {name}"))
    with opened as database:
        asyncio.run(_connect_once(database))
        yield database


async def _connect_once(database: db.Database) -> None:
    async with _connect(database):
        pass


@contextmanager
def open_private_server(
    functions: Sequence[SweptFunction], kinds: Sequence[str]
) -> Iterator[PrivateServer | None]:
    """Start a private server if a sweep will kill it."""
    if any(swept.users_name for swept in functions):  # a private server lacks their tables
        refuse_kill(kinds)
    needs_server = "kill" in kinds
    with private_server(data_directory(), **DURABLE) if needs_server else nullcontext() as private:
        yield private


def plan_sweeps(
    swept: SweptFunction,
    database: db.Database,
    kinds: Sequence[str],
    loop: str,
    private: PrivateServer | None,
) -> list[Sweep]:
    """Return the sweeps of a function.

    Faults that silence the network or kill the server need separate sweeps.
    """
    selected = [kind for kind in KINDS if kind in kinds and kind in swept.kinds]
    usual = tuple(kind for kind in selected if kind not in (*SILENT, "kill"))
    silent = tuple(kind for kind in selected if kind in SILENT)
    timeouts = TIMEOUTS[database.driver] if swept.timed else {}
    prepare = partial(_connect if swept.users_name else _fill_database, database)
    sweep = Sweep(swept, database.url, usual, loop, prepare=prepare)
    sweeps = [sweep, replace(sweep, kinds=silent, timeouts=timeouts)]
    if "kill" in selected and private is not None:
        url = url_of(private, database.driver)
        prepare = partial(_fill_private_database, url)
        sweeps.append(replace(sweep, url=url, kinds=("kill",), private=private, prepare=prepare))
    return [sweep for sweep in sweeps if sweep.kinds]


@asynccontextmanager
async def _connect(database: db.Database) -> AsyncIterator[None]:
    """Keep a connection open, so that CouldNotRun is raised if the server stops."""
    async with db.connect(database, "orm_async_tests faults", isolation_level="AUTOCOMMIT"):
        yield


@asynccontextmanager
async def _fill_database(database: db.Database) -> AsyncIterator[None]:
    async with script_database.open_script_database(database) as prepared:
        await prepared.reset(models.Base, insert_rows, {})
        yield


@asynccontextmanager
async def _fill_private_database(url: URL) -> AsyncIterator[None]:
    await script_database.fill_database(models.Base, insert_rows, {}, url)
    yield


async def insert_rows(connection: AsyncConnection) -> None:
    """Insert users, and enough track points to delete one in every run."""
    await connection.execute(
        text("INSERT INTO users (username) SELECT 'username-' || n FROM generate_series(1, 3) n")
    )
    await connection.execute(
        text("""INSERT INTO track_points (user_id, lat, lon, date)
        SELECT u, 45, 14, now() FROM generate_series(1, 3) u, generate_series(1, 100)""")
    )
