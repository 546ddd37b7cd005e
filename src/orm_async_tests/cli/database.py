"""The subcommands `orm-async-tests db` and `doctor`, which manage the database and check the
environment.
"""

import argparse
import asyncio
import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orm_async_tests import postgres
from orm_async_tests.cli import add_command
from orm_async_tests.command_options import add_database, add_driver, add_loop, database_choice
from orm_async_tests.errors import COULD_NOT_RUN, CouldNotRun
from orm_async_tests.postgres.paths import temporary_folder

if TYPE_CHECKING:
    from orm_async_tests.db import Database

LIBRARIES = ("sqlalchemy", "greenlet", "asyncpg", "alembic")
OPTIONAL = ("psycopg", "uvloop", "anyio", "nox")
LOG_LINES = 40
SERVICE = "orm_async_tests"  # the name of psql's connection service
DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII)
UNITS = (86_400, 3_600, 60, 1)  # seconds in a day, an hour, a minute and a second
LONGEST = 30 * 86_400  # seconds


def add(commands: Any) -> None:
    """Add the subcommands to argparse's subparsers."""
    parser = add_command(commands, "db", "show, start or reset the database; run psql or Alembic")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for function in ACTIONS:
        name = function.__name__
        action = add_command(actions, name, str(function.__doc__))
        add_database(action)
        action.add_argument(
            "--service",
            dest="cluster_kind",
            action="store_const",
            const=postgres.SERVICE,
            default=postgres.SCRIPTS,
            help="use the embedded server of the service, not that of the scripts",
        )
        action.set_defaults(run=function)
        if name == "start":
            action.add_argument(
                "--for",
                dest="keep_for",
                metavar="TIME",
                help="keep the server running this long even when idle, for example 2h or 1h30m",
            )
        if name == "url":
            action.add_argument("--password", action="store_true", help="include the password")
        if name == "psql":
            options = "options for psql, after --, for example -- -c 'SELECT 1'"
            action.add_argument("psql", nargs=argparse.REMAINDER, metavar="-- OPTION", help=options)
        if name == "alembic":
            words = "the command, for example upgrade head"
            action.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND", help=words)

    parser = add_command(commands, "doctor", "check whether the scripts can run on this machine")
    add_database(parser)
    add_driver(parser)
    add_loop(parser)
    parser.set_defaults(run=doctor)


def url(arguments: argparse.Namespace) -> int:
    """print the URL of the database, for DATABASE_URL"""
    from orm_async_tests import db, urls

    with db.open_database(arguments.db_, cluster_kind=arguments.cluster_kind) as database:
        url = urls.portable(database.url)
        print(url.render_as_string(hide_password=not arguments.password), flush=True)
        if database.kind == "embedded":
            stop = postgres.describe_stop(arguments.cluster_kind)
            print(f"db: {stop}; `db start --for 2h` keeps it longer", file=sys.stderr)
    return 0


def status(arguments: argparse.Namespace) -> int:
    """show the state of the database without starting anything"""
    from orm_async_tests import db, migrations, urls

    choice = db.choose(arguments.db_)
    print(f"choice: {choice.kind} (from {choice.source})")
    if choice.kind == "embedded":
        state = postgres.status(arguments.cluster_kind)
        print("\n".join(f"{name}: {value}" for name, value in state.items()))
        if state["state"] == "stopped":
            return 0

    async def read_status(database: db.Database) -> list[str]:
        async with db.connect(database, "orm_async_tests status") as connection:
            version = await connection.exec_driver_sql("SHOW server_version")
            state = await connection.run_sync(migrations.read_state, migrations.TRACKING)
        return [
            f"url: {urls.hide_secrets(database.url)}",
            f"answers: PostgreSQL {version.scalar_one()}",
            f"migrations: {state}",
        ]

    with db.open_database(arguments.db_, cluster_kind=arguments.cluster_kind) as database:
        print("\n".join(asyncio.run(read_status(database))))
    return 0


def start(arguments: argparse.Namespace) -> int:
    """start the embedded server"""
    _require_embedded(arguments, "start")
    keep_for = 0.0 if arguments.keep_for is None else read_duration(arguments.keep_for)
    with postgres.lease(arguments.cluster_kind, keep_for) as lease:
        stop = postgres.describe_stop(arguments.cluster_kind)
        print(f"PostgreSQL {lease.version}: {lease.launch}; {stop}")
    return 0


def read_duration(text: str) -> float:
    """Return the number of seconds in a text such as "2h", "1h30m" or "45s". Raises CouldNotRun."""
    match = DURATION.fullmatch(text)
    numbers = [int(number or 0) for number in match.groups()] if match else []
    seconds = sum(number * unit for number, unit in zip(numbers, UNITS, strict=bool(match)))
    if not 0 < seconds <= LONGEST:
        raise CouldNotRun(
            f"{text!r} is not a time between 1 second and 30 days",
            "--for",
            "orm-async-tests db start --for 2h (units are d, h, m and s)",
        )
    return float(seconds)


def stop(arguments: argparse.Namespace) -> int:
    """stop the embedded server"""
    _require_embedded(arguments, "stop")
    print("stopped" if postgres.stop(arguments.cluster_kind) else "the server was not running")
    return 0


def reset(arguments: argparse.Namespace) -> int:
    """delete the data of the embedded server; the next command creates it again"""
    _require_embedded(arguments, "reset")
    postgres.stop(arguments.cluster_kind, reset=True)
    print("deleted")
    return 0


def log(arguments: argparse.Namespace) -> int:
    """print the end of the embedded server's log, and its path"""
    _require_embedded(arguments, "log")
    path = Path(postgres.status(arguments.cluster_kind)["log"])
    if not path.exists():
        raise CouldNotRun(
            "there is no server log, because the server has never run",
            str(path),
            "orm-async-tests db start",
        )
    print("\n".join([*path.read_text(errors="replace").splitlines()[-LOG_LINES:], str(path)]))
    return 0


def psql(arguments: argparse.Namespace) -> int:
    """open psql on the database; pass psql's options after --"""
    import subprocess

    from orm_async_tests import db

    options = arguments.psql[1:] if arguments.psql[:1] == ["--"] else arguments.psql
    with (
        db.open_database(arguments.db_, cluster_kind=arguments.cluster_kind) as database,
        _service_file(database) as variables,
    ):
        program = postgres.find_program("psql") if database.kind == "embedded" else "psql"
        try:
            return subprocess.run([program, *options], env={**os.environ, **variables}).returncode
        except OSError as error:
            problem = f"psql does not start: {error.strerror}"
            raise CouldNotRun(problem, str(program), "install PostgreSQL's client") from None


def alembic(arguments: argparse.Namespace) -> int:
    """run an Alembic command without an alembic.ini, for example upgrade head"""
    import logging

    from orm_async_tests import migrations

    logging.basicConfig(format="%(levelname)s [%(name)s] %(message)s")
    logging.getLogger("alembic.runtime.migration").setLevel(logging.INFO)
    service = arguments.cluster_kind == postgres.SERVICE
    history = migrations.SERVICE if service else migrations.TRACKING
    migrations.run_alembic(arguments.words, history, arguments.db_)
    return 0


@contextmanager
def _service_file(database: "Database") -> Iterator[dict[str, str]]:
    """Write a PostgreSQL connection service file, and yield the environment variables that make
    psql read it.

    With a service file, an option of psql such as `-d shop` replaces only one parameter of the
    connection. With a service file, other users of the machine cannot see the parameters in the
    list of processes.
    """
    from orm_async_tests import urls

    lines = [f"{name}={value}" for name, value in urls.libpq_parameters(database.url).items()]
    password = {"PGPASSWORD": database.url.password} if database.url.password else {}
    with temporary_folder() as folder:
        file = folder / "service.conf"
        file.write_text("\n".join([f"[{SERVICE}]", *lines, ""]))
        yield {"PGSERVICEFILE": str(file), "PGSERVICE": SERVICE, **password}


def _require_embedded(arguments: argparse.Namespace, action: str) -> None:
    """Raise CouldNotRun if the chosen database is not in the embedded server."""
    word, source = database_choice(arguments.db_)
    if word != "embedded":
        raise CouldNotRun(
            f"{action} is for the embedded server, and {source} names another database",
            source,
            f"orm-async-tests db {action} --db embedded",
        )


ACTIONS = (url, status, start, stop, reset, psql, alembic, log)


def doctor(arguments: argparse.Namespace) -> int:
    """Check the environment, and print one line for each check. Return 2 if a check fails."""
    checks: dict[str, Callable[[], str]] = {
        "python": platform.python_version,
        **{name: partial(importlib.metadata.version, name) for name in LIBRARIES},
        **{name: partial(_find_optional, name) for name in OPTIONAL},
        "user": lambda: "root, in a user namespace" if os.geteuid() == 0 else "ordinary",
        "docker": lambda: shutil.which("docker") or "not found (only --db compose needs it)",
        "pgbouncer": _find_pgbouncer,
        "loop": lambda: _start_loop(arguments.loop),
        "database": lambda: _check_database(arguments.db_, arguments.driver),
    }
    code = 0
    for name, check in checks.items():
        try:
            print(f"ok       {name}: {check()}")
        except (CouldNotRun, importlib.metadata.PackageNotFoundError) as error:
            print(f"problem  {name}: {error}")
            code = COULD_NOT_RUN
    return code


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


def _check_database(choice: str | None, driver: str | None) -> str:
    from orm_async_tests import db, migrations

    async def read_state(database: db.Database) -> str:
        async with db.connect(database, "orm_async_tests doctor") as connection:
            zones = await connection.exec_driver_sql("SELECT count(*) FROM pg_timezone_names")
            if not zones.scalar_one():
                problem = "the server has no time zone data"
                raise CouldNotRun(problem, database.label, "install tzdata")
            return str(await connection.run_sync(migrations.refuse_foreign, migrations.TRACKING))

    with db.open_database(choice, driver) as database:
        return f"{database.label}; migrations: {asyncio.run(read_state(database))}"
