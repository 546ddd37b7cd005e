"""The subcommands `orm-async-tests doctor`, `db url`, `db status`, `db psql` and `db alembic`."""

import argparse
import asyncio
import logging
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from sqlalchemy import text

from orm_async_tests import db, migrations, postgres, urls
from orm_async_tests.cli.embedded_server import cluster_kind
from orm_async_tests.errors import CouldNotRun, convert_os_errors
from orm_async_tests.exit_codes import COULD_NOT_RUN
from orm_async_tests.extras import install_extra
from orm_async_tests.harness.environment.event_loops import run_in_loop
from orm_async_tests.postgres import pooler
from orm_async_tests.postgres.paths import temporary_folder

LIBRARIES = ("sqlalchemy", "greenlet", "asyncpg", "alembic")
OPTIONAL = ("psycopg", "uvloop", "anyio", "nox")
# TRUNCATE with RESTART IDENTITY requires that the role owns the tables.
MAY_WRITE = """
    SELECT coalesce(
        bool_and(pg_has_role(relowner, 'USAGE')), has_schema_privilege(current_schema(), 'CREATE')
    ) FROM pg_class WHERE oid IN (to_regclass('users'), to_regclass('track_points'))
"""
HAS_TABLES = text("SELECT to_regclass('users') IS NOT NULL")
SERVICE = "orm_async_tests"  # the name of psql's connection service


def url(arguments: argparse.Namespace) -> int:
    with db.open_database(arguments.db, cluster_kind=cluster_kind(arguments)) as database:
        url = urls.portable(database.url)
        print(url.render_as_string(hide_password=not arguments.password), flush=True)
        if database.kind == "embedded":
            stop = postgres.describe_stop(cluster_kind(arguments))
            text = f"db: the server runs, and {stop}; `db start --for 2h` keeps it longer"
            print(text, file=sys.stderr)
    return 0


def status(arguments: argparse.Namespace) -> int:
    choice, kind = db.choose(arguments.db), cluster_kind(arguments)
    print(f"choice: {choice.kind} (from {choice.source})")
    if choice.kind == "embedded":
        state = postgres.status(kind)
        print("\n".join(f"{name}: {value}" for name, value in state.items()))
        if state["state"] == "stopped":
            return 0

    async def print_status(database: db.Database) -> None:
        async with db.connect(database, "orm_async_tests status") as connection:
            version = await connection.exec_driver_sql("SHOW server_version")
            state = await connection.run_sync(migrations.read_state, migrations.TRACKING)
        print(f"url: {urls.hide_secrets(database.url)}")
        print(f"answers: PostgreSQL {version.scalar_one()}")
        print(f"migrations: {state}")

    with db.open_database(arguments.db, cluster_kind=kind) as database:
        asyncio.run(print_status(database))
    return 0


def psql(arguments: argparse.Namespace) -> int:
    options = arguments.options[arguments.options[:1] == ["--"] :]
    with (
        db.open_database(arguments.db, cluster_kind=cluster_kind(arguments)) as database,
        _service_file(database) as variables,
    ):
        program = postgres.find_program("psql") if database.kind == "embedded" else "psql"
        with convert_os_errors("psql does not start", program, "install PostgreSQL's client"):
            return subprocess.run([program, *options], env={**os.environ, **variables}).returncode


def alembic(arguments: argparse.Namespace) -> int:
    logging.basicConfig(format="%(levelname)s [%(name)s] %(message)s")
    logging.getLogger("alembic.runtime.migration").setLevel(logging.INFO)
    history = migrations.SERVICE if arguments.service else migrations.TRACKING
    migrations.run_alembic(arguments.words, history, arguments.db)
    return 0


@contextmanager
def _service_file(database: db.Database) -> Iterator[dict[str, str]]:
    """Write a connection service file for psql, and yield the variables that name it."""
    lines = [f"{name}={value}" for name, value in urls.libpq_parameters(database.url).items()]
    password = {"PGPASSWORD": database.url.password} if database.url.password else {}
    with temporary_folder() as folder:
        # Other users of the machine can read a command line, but not this file. An option such as
        # `-d shop` replaces only one parameter of the file.
        file = folder / "service.conf"
        file.write_text("\n".join([f"[{SERVICE}]", *lines, ""]))
        yield {"PGSERVICEFILE": str(file), "PGSERVICE": SERVICE, **password}


def doctor(arguments: argparse.Namespace) -> int:
    """Check what the scripts need, and return 2 if something is missing."""
    checks: dict[str, Callable[[], str]] = {
        "python": platform.python_version,
        **{name: partial(_find_version, name, name in OPTIONAL) for name in LIBRARIES + OPTIONAL},
        "user": lambda: "root, in a user namespace" if os.geteuid() == 0 else "ordinary",
        "docker": lambda: shutil.which("docker") or "not found (only --db compose needs it)",
        "pgbouncer": _find_pgbouncer,
        "loop": lambda: run_in_loop(arguments.loop, _name_loop),
        "database": lambda: _check_database(arguments.db, arguments.driver),
    }
    code = 0
    for name, check in checks.items():
        try:
            print(f"ok       {name}: {check()}")
        except CouldNotRun as error:
            print(f"problem  {name}: {error}")
            code = COULD_NOT_RUN
    return code


def _find_version(package: str, is_optional: bool) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        if is_optional:
            return f"not installed (to use it: pip install {package})"
        problem = f"{package} is not installed"
        raise CouldNotRun(problem, "this Python", install_extra("scripts")) from None


def _find_pgbouncer() -> str:
    try:
        return pooler.version()
    except CouldNotRun as error:
        return f"{error.problem} (only the scripts about poolers need it: {error.remedy})"


async def _name_loop() -> str:
    return type(asyncio.get_running_loop()).__name__


def _check_database(choice: str | None, driver: str | None) -> str:
    async def read_state(database: db.Database) -> str:
        async with db.connect(database, "orm_async_tests doctor") as connection:
            zones = await connection.exec_driver_sql("SELECT count(*) FROM pg_timezone_names")
            if not zones.scalar_one():
                problem = "the server has no time zone data"
                raise CouldNotRun(problem, database.label, "install tzdata")
            state = await connection.run_sync(migrations.refuse_foreign, migrations.TRACKING)
            await connection.run_sync(migrations.refuse_read_only, database.label)
            if state != "empty" and not await connection.scalar(HAS_TABLES):
                problem = f"the database has a revision, but not its tables (migrations: {state})"
                remedy = "run orm-async-tests db alembic stamp base, and then upgrade head"
                raise CouldNotRun(problem, database.label, remedy)
            may_write = await connection.exec_driver_sql(MAY_WRITE)
            if not may_write.scalar_one():
                problem = "the role may not create the tables of the scripts, or does not own them"
                raise CouldNotRun(problem, database.label, migrations.GRANT_RIGHT)
            return str(state)

    with db.open_database(choice, driver) as database:
        return f"{database.label}; migrations: {asyncio.run(read_state(database))}"
