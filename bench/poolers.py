"""Which settings of an engine work behind PgBouncer, in which of its modes: docs/poolers.md.

Each cell is four trials on a private server, each behind a PgBouncer that has just begun.
python bench/poolers.py                           the modes that this PgBouncer has
python bench/poolers.py --into docs/poolers.md    all of them: PgBouncer must be 1.21 or newer
"""

import argparse
import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from orm_async_tests import db
from orm_async_tests.errors import exit_code
from orm_async_tests.harness.needs import PGBOUNCER, missing, require
from orm_async_tests.harness.processes import Processes
from orm_async_tests.harness.seen import sqlstate
from orm_async_tests.postgres import Pooler, pgbouncer, pooler, private_server

NEWER = "pgbouncer>=1.21"
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
MODES = {  # column: settings of pgbouncer.ini
    "session": {"pool_mode": "session", "max_prepared_statements": "0"},
    "transaction": {"pool_mode": "transaction", "max_prepared_statements": "0"},
    "transaction, `max_prepared_statements=200`": {
        "pool_mode": "transaction",
        "max_prepared_statements": "200",
    },
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


async def cell(server: URL, setting: Setting, mode: Mapping[str, str]) -> str:
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


def possible() -> dict[str, Mapping[str, str]]:
    """The modes that the PgBouncer of this machine has."""
    old = bool(missing(NEWER, wire=True))
    return {
        name: mode
        for name, mode in MODES.items()
        if not old or mode["max_prepared_statements"] == "0"
    }


async def table(server: URL) -> list[list[str]]:
    """A head, and a row for each setting."""
    modes = possible()
    rows = [["Driver and settings", *modes]]
    for setting in SETTINGS:
        rows.append([setting.name, *[await cell(server, setting, modes[mode]) for mode in modes]])
    return rows


def main() -> int:
    """Print the table, or write it into a page, with the versions and the day."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--into", type=Path, help="a document that has the table")
    page = parser.parse_args().into
    require(NEWER if page else PGBOUNCER)
    with private_server() as server:
        rows = asyncio.run(table(db.socket_url(server.login)))
        on = f"PostgreSQL {server.login.version}, PgBouncer {pooler.version()}"
    on += "".join(f", {name} {version(name)}" for name in ("SQLAlchemy", *db.DRIVERS))
    run = f"Run on {datetime.now(UTC):%Y-%m-%d}: {on}.\n"
    rows.insert(1, ["---"] * len(rows[0]))
    told = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    if page is None:
        print(told + run)
        return 0
    found = re.sub(r"(<!-- table -->\n)(\|.*\n)*", rf"\g<1>{told}", page.read_text("utf-8"))
    page.write_text(re.sub(r"(<!-- run -->\n)(Run.*\n)?", rf"\g<1>{run}", found), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
