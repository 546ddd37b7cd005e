"""The subcommand `orm-async-tests doctor`, which checks whether the scripts can run here."""

import argparse
import asyncio
import importlib.metadata
import os
import platform
import shutil
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from orm_async_tests.cli.subcommands import add_command
from orm_async_tests.errors import COULD_NOT_RUN, CouldNotRun
from orm_async_tests.stack_options import add_database, add_driver, add_loop

if TYPE_CHECKING:
    from orm_async_tests.db import Database

LIBRARIES = ("sqlalchemy", "greenlet", "asyncpg", "alembic")
OPTIONAL = ("psycopg", "uvloop", "anyio", "nox")


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = add_command(commands, "doctor", "check whether the scripts can run on this machine")
    add_database(parser)
    add_driver(parser)
    add_loop(parser)
    parser.set_defaults(run=doctor)


def doctor(arguments: argparse.Namespace) -> int:
    """Run the checks, and print one line for each check. Return 2 if any check fails."""
    checks: dict[str, Callable[[], str]] = {
        "python": platform.python_version,
        **{name: partial(importlib.metadata.version, name) for name in LIBRARIES},
        **{name: partial(_find_optional, name) for name in OPTIONAL},
        "user": lambda: "root, in a user namespace" if os.geteuid() == 0 else "ordinary",
        "docker": lambda: shutil.which("docker") or "not found (only --db compose needs it)",
        "pgbouncer": _find_pgbouncer,
        "loop": lambda: _start_loop(arguments.loop),
        "database": lambda: _check_database(arguments),
    }
    failed = [name for name, check in checks.items() if not _passes(name, check)]
    return COULD_NOT_RUN if failed else 0


def _passes(name: str, check: Callable[[], str]) -> bool:
    try:
        print(f"ok       {name}: {check()}")
    except (CouldNotRun, importlib.metadata.PackageNotFoundError) as error:
        print(f"problem  {name}: {error}")
        return False
    return True


def _find_optional(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return f"not installed (to use it: pip install {name})"


def _find_pgbouncer() -> str:
    from orm_async_tests.postgres import pooler

    try:
        return pooler.version()
    except CouldNotRun as error:
        return f"{error.problem} (only the scripts about poolers need it: {error.remedy})"


def _start_loop(name: str) -> str:
    from orm_async_tests.harness.environment.event_loops import run

    async def name_loop() -> str:
        return type(asyncio.get_running_loop()).__name__

    return run(name, name_loop)


def _check_database(arguments: argparse.Namespace) -> str:
    from orm_async_tests import db

    with db.open_database(arguments.db_, arguments.driver) as database:
        return f"{database.label}; {asyncio.run(_read_state(database))}"


async def _read_state(database: "Database") -> str:
    from orm_async_tests import db, migrations

    async with db.connect(database, "orm_async_tests doctor") as connection:
        zones = await connection.exec_driver_sql("SELECT count(*) FROM pg_timezone_names")
        if not zones.scalar_one():
            raise CouldNotRun("the server has no time zone data", database.label, "install tzdata")
        state = await connection.run_sync(migrations.refuse_foreign, migrations.TRACKING)
    return f"migrations: {state}"
