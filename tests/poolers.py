"""Runs the trials of docs/poolers.md: which engine settings work behind PgBouncer.

Each cell of the page's first table needs four trials, each with a new PgBouncer.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from orm_async_tests import urls
from orm_async_tests.db import sqlstate
from orm_async_tests.harness.environment.requirements import find_missing
from orm_async_tests.harness.environment.worker_processes import Processes
from orm_async_tests.postgres import Pooler, pgbouncer

PREPARED = "max_prepared_statements"
SUPPORTS_PREPARED = "pgbouncer>=1.21"
EXECUTIONS = 7  # psycopg prepares a statement when it executes it for the sixth time
WORKS = "works"
SELECT_HEIGHT, SELECT_PACE = "SELECT height FROM walks", "SELECT pace FROM walks"
CREATE_TABLES = (
    "DROP TABLE IF EXISTS walks",
    "DROP TYPE IF EXISTS pace",
    "CREATE TYPE pace AS ENUM ('slow', 'fast')",
    "CREATE TABLE walks (height integer, pace pace)",
    "INSERT INTO walks VALUES (1, 'slow')",
)
ALTER = "ALTER TABLE walks ALTER COLUMN height TYPE real"
MODES: dict[str, Mapping[str, str]] = {  # settings of pgbouncer.ini, by the column's head
    "session": {"pool_mode": "session", PREPARED: "0"},
    "transaction": {"pool_mode": "transaction", PREPARED: "0"},
    f"transaction, `{PREPARED}=200`": {"pool_mode": "transaction", PREPARED: "200"},
}
Options = Mapping[str, Any]


def unique_name() -> str:
    """Return a statement name that no other process uses."""
    return f"s_{uuid4()}"


@dataclass(frozen=True)
class Setting:
    """A row of the first table of docs/poolers.md: a driver, and options of the engine."""

    name: str
    driver: str
    options: Options = field(default_factory=dict)


def _asyncpg(name: str, pool: Options | None = None, **arguments: object) -> Setting:
    return Setting(f"asyncpg, {name}", "asyncpg", {**(pool or {}), "connect_args": arguments})


SETTINGS = (
    _asyncpg("defaults"),
    _asyncpg("NullPool", {"poolclass": NullPool}),
    _asyncpg("`prepared_statement_name_func`", prepared_statement_name_func=unique_name),
    _asyncpg(
        "NullPool and `prepared_statement_name_func`",
        {"poolclass": NullPool},
        prepared_statement_name_func=unique_name,
    ),
    _asyncpg("`prepared_statement_cache_size=0`", prepared_statement_cache_size=0),
    _asyncpg("`statement_cache_size=0`", statement_cache_size=0),
    _asyncpg("both caches 0", statement_cache_size=0, prepared_statement_cache_size=0),
    Setting("psycopg, defaults", "psycopg"),
    Setting(
        "psycopg, `prepare_threshold=None`",
        "psycopg",
        {"connect_args": {"prepare_threshold": None}},
    ),
)


async def execute_often(url: URL, options: Options, statement: str) -> None:
    """Execute a statement EXECUTIONS times on one connection, each time in a transaction."""
    engine = create_async_engine(url, **options)
    try:
        async with engine.connect() as connection:
            for _ in range(EXECUTIONS):
                await connection.execute(text(statement))
                await connection.commit()
    finally:
        await engine.dispose()


async def try_two_processes(
    statement: str, pooler: Pooler, mode: Mapping[str, str], options: Options
) -> str:
    """Let two processes read, one after the other, on one server connection."""
    url = pooler.start(default_pool_size="1", **mode)
    for _ in range(2):
        await Processes().run(execute_often, url, options, statement)
    return ""


async def try_moved_client(pooler: Pooler, mode: Mapping[str, str], options: Options) -> str:
    """Run two transactions of one connection on different server connections."""
    engine = create_async_engine(pooler.start(default_pool_size="2", **mode), **options)
    try:
        async with engine.connect() as connection, engine.connect() as other:
            for _ in range(EXECUTIONS):
                await connection.execute(text(SELECT_HEIGHT))
            await other.execute(text("SELECT 1"))
            await connection.commit()
            await other.commit()
            await connection.execute(text(SELECT_HEIGHT))
    finally:
        await engine.dispose()
    return ""


async def try_altered_table(pooler: Pooler, mode: Mapping[str, str], options: Options) -> str:
    """Read a column after its type changed. The first read may fail, but the second must be 1.0."""
    engine = create_async_engine(pooler.start(default_pool_size="1", **mode), **options)
    try:
        async with engine.connect() as connection:
            for _ in range(EXECUTIONS):
                await connection.execute(text(SELECT_HEIGHT))
            await connection.commit()
            await _execute(pooler.server, [ALTER])
            if await _read_height(connection) is None:
                await connection.rollback()
            height = await connection.scalar(text(SELECT_HEIGHT))
            return "" if height == 1.0 else f"returns {height}"
    finally:
        await engine.dispose()


async def _read_height(connection: AsyncConnection) -> float | None:
    """Return the value of the column, or None if the statement fails."""
    try:
        return float(await connection.scalar(text(SELECT_HEIGHT)) or 0)
    except DBAPIError:
        return None


Trial = Callable[[Pooler, Mapping[str, str], Options], Awaitable[str]]
TRIALS: dict[str, Trial] = {
    "query by a second process": partial(try_two_processes, SELECT_HEIGHT),
    "read of an ENUM column": partial(try_two_processes, SELECT_PACE),  # asyncpg looks up its type
    "second transaction": try_moved_client,
    "read of an altered column": try_altered_table,
}


async def _execute(server: URL, statements: Iterable[str]) -> None:
    engine = create_async_engine(server, poolclass=NullPool)
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def run_trials(setting: Setting, server: URL, mode: Mapping[str, str]) -> str:
    """Return the failed trials with their SQLSTATE or wrong value, or "works"."""
    failures = []
    for name, trial in TRIALS.items():
        await _execute(server, CREATE_TABLES)
        with pgbouncer(urls.with_driver(server, setting.driver)) as pooler:
            try:
                failure = await trial(pooler, mode, setting.options)
            except DBAPIError as error:
                failure = f"fails with {sqlstate(error.orig)}"
        if failure:
            failures.append(f"a {name} {failure}")
    return "; ".join(failures) or WORKS


NO_CACHES: Options = {
    "connect_args": {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
}
COUNT_LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
LEFTOVERS: dict[
    str, tuple[str, str, object]
] = {  # what a client executes, what the next client queries, and the result without a leftover
    "`SET`": ("SET statement_timeout = '7s'", "SHOW statement_timeout", "0"),
    "a temporary table": ("CREATE TEMP TABLE t ()", "SELECT to_regclass('pg_temp.t')::text", None),
    "an advisory lock": ("SELECT pg_advisory_lock(1)", COUNT_LOCKS, 0),
    "`LISTEN`": ("LISTEN news", "SELECT array(SELECT pg_listening_channels())", []),
}
SERVER_SETTINGS = {
    "statement_timeout": "7s",
    "timezone": "Asia/Tokyo",
    "application_name": "walks",
}


async def fetch_value(url: URL, options: Options, statement: str) -> object:
    """Execute a statement as a new client, commit, and return its first value or None."""
    engine = create_async_engine(url, **options)
    try:
        async with engine.begin() as connection:
            result = await connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        await engine.dispose()


async def look_for_leftover(name: str, server: URL, mode: Mapping[str, str]) -> str:
    """Return whether a client's session state affects the next client."""
    statement, query, clean = LEFTOVERS[name]
    with pgbouncer(server) as pooler:
        url = pooler.start(default_pool_size="1", **mode)
        await fetch_value(url, NO_CACHES, statement)
        is_clean = await fetch_value(url, NO_CACHES, query) == clean
    return "ends with the client" if is_clean else "stays for the next client"


async def send_server_setting(name: str, server: URL, mode: Mapping[str, str]) -> str:
    """Return the effect of a setting in asyncpg's server_settings."""
    value = SERVER_SETTINGS[name]
    arguments = {**NO_CACHES["connect_args"], "server_settings": {name: value}}
    with pgbouncer(server) as pooler:
        url = pooler.start(**mode)
        try:
            current = await fetch_value(url, {"connect_args": arguments}, f"SHOW {name}")
        except DBAPIError as error:
            return f"refused: {sqlstate(error.orig)}"
    return "applied" if current == value else "dropped"


Cell = Callable[[URL, Mapping[str, str]], Coroutine[Any, Any, str]]
TABLES: dict[str, dict[str, Cell]] = {  # rows, by the name of the table in the page
    "statements": {setting.name: partial(run_trials, setting) for setting in SETTINGS},
    "sessions": {
        **{name: partial(look_for_leftover, name) for name in LEFTOVERS},
        **{
            f"`server_settings`: {name}": partial(send_server_setting, name)
            for name in SERVER_SETTINGS
        },
    },
}


def available_modes(table: str) -> dict[str, Mapping[str, str]]:
    """Return the columns of a table that the installed PgBouncer supports."""
    usual = {name: mode for name, mode in MODES.items() if mode[PREPARED] == "0"}
    return usual if table == "sessions" or find_missing(SUPPORTS_PREPARED, wire=True) else MODES
