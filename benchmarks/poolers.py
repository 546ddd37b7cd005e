"""Which settings of an engine work behind PgBouncer, in which of its modes: docs/poolers.md.

Each cell is four trials on a private server, each behind a PgBouncer that was just started.
Without --into, only the modes that the installed PgBouncer supports are tried.
"""

import argparse
import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from orm_async_tests import db
from orm_async_tests.errors import exit_code
from orm_async_tests.harness.definitions.observation import sqlstate
from orm_async_tests.harness.environment.requirements import PGBOUNCER, find_missing, require
from orm_async_tests.harness.environment.worker_processes import Processes
from orm_async_tests.postgres import Pooler, pgbouncer, pooler, private_server

NEWER, PREPARED = "pgbouncer>=1.21", "max_prepared_statements"
OFTEN = 7  # times: psycopg prepares what it executes for the sixth time
WORKS = "works"
READ, READ_PACE = "SELECT height FROM walks", "SELECT pace FROM walks"
WORLD = (
    "DROP TABLE IF EXISTS walks",
    "DROP TYPE IF EXISTS pace",
    "CREATE TYPE pace AS ENUM ('slow', 'fast')",
    "CREATE TABLE walks (height integer, pace pace)",
    "INSERT INTO walks VALUES (1, 'slow')",
)
ALTER = "ALTER TABLE walks ALTER COLUMN height TYPE real"
MODES: dict[str, Mapping[str, str]] = {  # column: settings of pgbouncer.ini
    "session": {"pool_mode": "session", PREPARED: "0"},
    "transaction": {"pool_mode": "transaction", PREPARED: "0"},
    f"transaction, `{PREPARED}=200`": {"pool_mode": "transaction", PREPARED: "200"},
}
Options = Mapping[str, Any]


def unique_name() -> str:
    """A name that no other process gives."""
    return f"s_{uuid4()}"


@dataclass(frozen=True)
class Setting:
    """A row: a driver, and options of create_async_engine."""

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


async def read(url: URL, options: Options, statement: str) -> None:
    """Often, each time in a transaction of its own, on one connection."""
    engine = create_async_engine(url, **options)
    try:
        async with engine.connect() as connection:
            for _ in range(OFTEN):
                await connection.execute(text(statement))
                await connection.commit()
    finally:
        await engine.dispose()


async def next_process(own: Pooler, mode: Mapping[str, str], options: Options) -> str:
    """Two processes read, one after the other, on one server connection."""
    url = own.start(default_pool_size="1", **mode)
    for _ in range(2):
        await Processes().run(read, url, options, READ)
    return ""


async def enum(own: Pooler, mode: Mapping[str, str], options: Options) -> str:
    """The same with a column of an ENUM, which asyncpg does not know."""
    url = own.start(default_pool_size="1", **mode)
    for _ in range(2):
        await Processes().run(read, url, options, READ_PACE)
    return ""


async def moved(own: Pooler, mode: Mapping[str, str], options: Options) -> str:
    """A connection's next transaction gets the server connection that another one had."""
    engine = create_async_engine(own.start(default_pool_size="2", **mode), **options)
    try:
        async with engine.connect() as one, engine.connect() as other:
            for _ in range(OFTEN):
                await one.execute(text(READ))
            await other.execute(text("SELECT 1"))
            await one.commit()
            await other.commit()
            await one.execute(text(READ))
    finally:
        await engine.dispose()
    return ""


async def altered(own: Pooler, mode: Mapping[str, str], options: Options) -> str:
    """Somebody changes a column's type, and it is read again: an error may come once."""
    engine = create_async_engine(own.start(default_pool_size="1", **mode), **options)
    try:
        async with engine.connect() as connection:
            for _ in range(OFTEN):
                await connection.execute(text(READ))
            await connection.commit()
            await _execute(own.server, [ALTER])
            if await _height(connection) is None:
                await connection.rollback()
            found = await connection.scalar(text(READ))
            return "" if found == 1.0 else f"reads {found}"
    finally:
        await engine.dispose()


async def _height(connection: AsyncConnection) -> float | None:
    """The height, or None for an error."""
    try:
        return float(await connection.scalar(text(READ)) or 0)
    except DBAPIError:
        return None


Trial = Callable[[Pooler, Mapping[str, str], Options], Awaitable[str]]
TRIALS: dict[str, Trial] = {
    "next process": next_process,
    "ENUM": enum,
    "moved": moved,
    "altered": altered,
}


async def _execute(server: URL, statements: Iterable[str]) -> None:
    engine = create_async_engine(server, poolclass=NullPool)
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def tried(setting: Setting, server: URL, mode: Mapping[str, str]) -> str:
    """Which trials of a setting fail, and how: an SQLSTATE, or what is read in place of 1.0."""
    failed = []
    for name, trial in TRIALS.items():
        await _execute(server, WORLD)
        with pgbouncer(db.with_driver(server, setting.driver)) as own:
            try:
                how = await trial(own, mode, setting.options)
            except DBAPIError as error:
                how = str(sqlstate(error.orig))
        if how:
            failed.append(f"{name}: {how}")
    return ", ".join(failed) or WORKS


OFF: Options = {"connect_args": {"statement_cache_size": 0, "prepared_statement_cache_size": 0}}
MINE = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
LEFT: dict[
    str, tuple[str, str, object]
] = {  # what a client does, what the next one asks, and its answer if nothing is left
    "`SET`": ("SET statement_timeout = '7s'", "SHOW statement_timeout", "0"),
    "a temporary table": ("CREATE TEMP TABLE t ()", "SELECT to_regclass('pg_temp.t')::text", None),
    "an advisory lock": ("SELECT pg_advisory_lock(1)", MINE, 0),
    "`LISTEN`": ("LISTEN news", "SELECT array(SELECT pg_listening_channels())", []),
}
ASKED = {"statement_timeout": "7s", "timezone": "Asia/Tokyo", "application_name": "walks"}


async def answer(url: URL, options: Options, statement: str) -> object:
    """The first value that a client of its own gets, which commits."""
    engine = create_async_engine(url, **options)
    try:
        async with engine.begin() as connection:
            result = await connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        await engine.dispose()


async def left(name: str, server: URL, mode: Mapping[str, str]) -> str:
    """Whether what a client leaves is there for the next one."""
    first, then, nothing = LEFT[name]
    with pgbouncer(server) as own:
        url = own.start(default_pool_size="1", **mode)
        await answer(url, OFF, first)
        clean = await answer(url, OFF, then) == nothing
    return "ends with the client" if clean else "stays for the next client"


async def asked(name: str, server: URL, mode: Mapping[str, str]) -> str:
    """What becomes of a setting for which asyncpg asks by server_settings."""
    arguments = {**OFF["connect_args"], "server_settings": {name: ASKED[name]}}
    with pgbouncer(server) as own:
        url = own.start(**mode)
        try:
            found = await answer(url, {"connect_args": arguments}, f"SHOW {name}")
        except DBAPIError as error:
            return f"refused: {sqlstate(error.orig)}"
    return "applied" if found == ASKED[name] else "dropped"


Cell = Callable[[URL, Mapping[str, str]], Coroutine[Any, Any, str]]
TABLES: dict[str, dict[str, Cell]] = {  # by their names in the page: rows
    "statements": {setting.name: partial(tried, setting) for setting in SETTINGS},
    "sessions": {
        **{name: partial(left, name) for name in LEFT},
        **{f"`server_settings`: {name}": partial(asked, name) for name in ASKED},
    },
}


def modes_of(table: str) -> dict[str, Mapping[str, str]]:
    """The modes of a table that the PgBouncer of this machine has."""
    usual = {name: mode for name, mode in MODES.items() if mode[PREPARED] == "0"}
    return usual if table == "sessions" or find_missing(NEWER, wire=True) else MODES


async def rows(server: URL, table: str) -> list[list[str]]:
    """A table, with its head."""
    modes = modes_of(table)
    found = [["", *modes], ["---"] * (1 + len(modes))]
    for name, cell in TABLES[table].items():
        found.append([name, *[await cell(server, mode) for mode in modes.values()]])
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables, or write them into a page, with the versions and the date."""
    parser = argparse.ArgumentParser(prog="poolers", description=__doc__)
    into = "write the tables into docs/poolers.md; needs PgBouncer 1.21 or newer"
    parser.add_argument("--into", type=Path, metavar="PAGE", help=into)
    page = parser.parse_args(arguments).into
    require(NEWER if page else PGBOUNCER, "this program")
    with private_server() as server:
        url = db.socket_url(server.login)
        found = {name: asyncio.run(rows(url, name)) for name in TABLES}
        on = f"PostgreSQL {server.login.version}, PgBouncer {pooler.version()}"
    on += "".join(f", {name} {version(name)}" for name in ("SQLAlchemy", *db.DRIVERS))
    texts = {"run": f"Run on {datetime.now(UTC):%Y-%m-%d}: {on}.\n"}
    for name, table in found.items():
        texts[name] = "".join(f"| {' | '.join(row)} |\n" for row in table)
    if page is None:
        print("\n".join(texts.values()))
        return 0
    told = page.read_text("utf-8")
    for name, part in texts.items():
        told = re.sub(rf"(<!-- {name} -->\n)(\S.*\n)*", rf"\g<1>{part}", told)
    page.write_text(told, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
