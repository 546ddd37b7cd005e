"""Defines the options that several commands have. Some options choose the database and the driver,
and others choose what a result shows.

The module command_options does not import SQLAlchemy, so that `--help` stays fast.
"""

import argparse
import os
from pathlib import Path

from orm_async_tests.drivers import DRIVERS

SQLITE = "aiosqlite"  # the driver for scripts that need no PostgreSQL
DEFAULT_LOOP, UVLOOP = "asyncio", "uvloop"
POOLER_MODES: tuple[str, ...] = ("session", "transaction", "transaction-unprepared")


def database_choice(option: str | None) -> tuple[str, str]:
    """Return the chosen database: `embedded`, `compose` or a URL. The function also returns the
    name of the option or variable that chose the database.

    `--db` decides before `DATABASE_URL`, `DATABASE_URL` before `ORM_ASYNC_DB`, and `ORM_ASYNC_DB`
    before the default.
    """
    candidates = (
        (option, "--db"),
        (os.environ.get("DATABASE_URL"), "DATABASE_URL"),
        (os.environ.get("ORM_ASYNC_DB"), "ORM_ASYNC_DB"),
    )
    return next(((word, source) for word, source in candidates if word), ("embedded", "default"))


def add_database(parser: argparse.ArgumentParser) -> None:
    """Add --db."""
    help_ = "embedded, compose, or a URL (default: DATABASE_URL, ORM_ASYNC_DB, or embedded)"
    parser.add_argument("--db", dest="db_", metavar="URL", help=help_)


def add_driver(parser: argparse.ArgumentParser, *others: str) -> None:
    """Add the option --driver. The option accepts PostgreSQL's drivers and the drivers in
    `others`.
    """
    help_ = f"{' or '.join((*DRIVERS, *others))} (default: ORM_ASYNC_DRIVER, or {DRIVERS[0]})"
    parser.add_argument("--driver", metavar="NAME", help=help_)


def add_loop(parser: argparse.ArgumentParser) -> None:
    """Add --loop."""
    help_ = f"the event loop: {DEFAULT_LOOP} (the default) or {UVLOOP}"
    parser.add_argument("--loop", metavar="NAME", default=DEFAULT_LOOP, help=help_)


def add_stack(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose where a script runs: its database, driver, event loop and
    pooler.
    """
    add_database(parser)
    add_driver(parser, SQLITE)
    add_loop(parser)
    modes = f"go through PgBouncer in this mode: {', '.join(POOLER_MODES)}"
    parser.add_argument("--pooler", metavar="MODE", default="", help=modes)


def add_views(parser: argparse.ArgumentParser) -> None:
    """Add the options --code, --timeline and --trace to a parser."""
    code = "print the code of every variant with the SQL, the waits and the errors of its lines"
    parser.add_argument("--code", action="store_true", help=code)
    timeline = "draw when tasks and connections worked, and what they waited for"
    parser.add_argument("--timeline", action="store_true", help=timeline)
    trace = "write what tasks and connections did as a trace, which https://ui.perfetto.dev opens"
    parser.add_argument("--trace", type=Path, metavar="FILE", help=trace)
