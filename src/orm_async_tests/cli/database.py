"""The subcommands `orm-async-tests db` and `doctor`, which manage and check the database."""

import argparse
import asyncio
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orm_async_tests import postgres
from orm_async_tests.cli import command
from orm_async_tests.command_options import DATABASE, DRIVER, LOOP, database_choice
from orm_async_tests.errors import COULD_NOT_RUN, CouldNotRun, install_extra
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
CHOICE = f"""{DATABASE}
    --service   use the embedded server of the service, not that of the scripts
"""


def _kind(arguments: argparse.Namespace) -> postgres.ClusterKind:
    return postgres.SERVICE if arguments.service else postgres.SCRIPTS


@command(
    "db url",
    "print the URL of the database, for DATABASE_URL",
    f"{CHOICE}\n    --password  include the password",
)
def url(arguments: argparse.Namespace) -> int:
    from orm_async_tests import db, urls

    with db.open_database(arguments.db, cluster_kind=_kind(arguments)) as database:
        url = urls.portable(database.url)
        print(url.render_as_string(hide_password=not arguments.password), flush=True)
        if database.kind == "embedded":
            stop = postgres.describe_stop(_kind(arguments))
            print(f"db: {stop}; `db start --for 2h` keeps it longer", file=sys.stderr)
    return 0


@command("db status", "show the state of the database without starting anything", CHOICE)
def status(arguments: argparse.Namespace) -> int:
    from orm_async_tests import db, migrations, urls

    choice = db.choose(arguments.db)
    print(f"choice: {choice.kind} (from {choice.source})")
    if choice.kind == "embedded":
        state = postgres.status(_kind(arguments))
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

    with db.open_database(arguments.db, cluster_kind=_kind(arguments)) as database:
        asyncio.run(print_status(database))
    return 0


@command(
    "db start",
    "start the embedded server",
    f"""{CHOICE}
    --for TIME  keep the server running this long even when idle, for example 2h or 1h30m
    """,
)
def start(arguments: argparse.Namespace) -> int:
    _require_embedded(arguments, "start")
    time = vars(arguments)["for"]
    with postgres.lease(_kind(arguments), 0 if time is None else read_duration(time)) as lease:
        stop = postgres.describe_stop(_kind(arguments))
        print(f"PostgreSQL {lease.version}: {lease.launch}; {stop}")
    return 0


def read_duration(text: str) -> float:
    """Return the number of seconds in a text such as "2h", "1h30m" or "45s"."""
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


@command("db stop", "stop the embedded server", CHOICE)
def stop(arguments: argparse.Namespace) -> int:
    _require_embedded(arguments, "stop")
    print("stopped" if postgres.stop(_kind(arguments)) else "the server was not running")
    return 0


@command(
    "db reset",
    "delete the data of the embedded server; the next command creates it again",
    CHOICE,
)
def reset(arguments: argparse.Namespace) -> int:
    _require_embedded(arguments, "reset")
    postgres.stop(_kind(arguments), reset=True)
    print("deleted")
    return 0


@command(
    "db psql",
    "open psql on the database; pass psql's options after --",
    f"{CHOICE}\n    OPTION ...  options for psql, after --, for example -- -c 'SELECT 1'",
)
def psql(arguments: argparse.Namespace) -> int:
    import subprocess

    from orm_async_tests import db

    options = arguments.options[arguments.options[:1] == ["--"] :]
    with (
        db.open_database(arguments.db, cluster_kind=_kind(arguments)) as database,
        _service_file(database) as variables,
    ):
        program = postgres.find_program("psql") if database.kind == "embedded" else "psql"
        try:
            return subprocess.run([program, *options], env={**os.environ, **variables}).returncode
        except OSError as error:
            problem = f"psql does not start: {error.strerror}"
            raise CouldNotRun(problem, str(program), "install PostgreSQL's client") from None


@command(
    "db alembic",
    "run an Alembic command without an alembic.ini, for example upgrade head",
    f"{CHOICE}\n    WORD ...    the Alembic command, for example upgrade head",
)
def alembic(arguments: argparse.Namespace) -> int:
    import logging

    from orm_async_tests import migrations

    logging.basicConfig(format="%(levelname)s [%(name)s] %(message)s")
    logging.getLogger("alembic.runtime.migration").setLevel(logging.INFO)
    history = migrations.SERVICE if arguments.service else migrations.TRACKING
    migrations.run_alembic(arguments.words, history, arguments.db)
    return 0


@command("db log", "print the end of the embedded server's log, and its path", CHOICE)
def log(arguments: argparse.Namespace) -> int:
    _require_embedded(arguments, "log")
    path = Path(postgres.status(_kind(arguments))["log"])
    if not path.exists():
        problem = "there is no server log, because the server has never run"
        raise CouldNotRun(problem, str(path), "orm-async-tests db start")
    print("\n".join([*path.read_text(errors="replace").splitlines()[-LOG_LINES:], str(path)]))
    return 0


@contextmanager
def _service_file(database: "Database") -> Iterator[dict[str, str]]:
    """Write a PostgreSQL connection service file, and yield the variables that make psql read it.

    An option of psql such as `-d shop` then replaces only one parameter of the connection, and
    other users of the machine cannot see the parameters in the list of processes.
    """
    from orm_async_tests import urls

    lines = [f"{name}={value}" for name, value in urls.libpq_parameters(database.url).items()]
    password = {"PGPASSWORD": database.url.password} if database.url.password else {}
    with temporary_folder() as folder:
        file = folder / "service.conf"
        file.write_text("\n".join([f"[{SERVICE}]", *lines, ""]))
        yield {"PGSERVICEFILE": str(file), "PGSERVICE": SERVICE, **password}


def _require_embedded(arguments: argparse.Namespace, action: str) -> None:
    word, source = database_choice(arguments.db)
    if word != "embedded":
        problem = f"{action} is for the embedded server, and {source} names another database"
        raise CouldNotRun(problem, source, f"orm-async-tests db {action} --db embedded")


@command("doctor", "check whether the scripts can run on this machine", f"{DATABASE}{DRIVER}{LOOP}")
def doctor(arguments: argparse.Namespace) -> int:
    """Print one line for each check. Return 2 if a check fails."""
    checks: dict[str, Callable[[], str]] = {
        "python": platform.python_version,
        **{name: partial(_find_version, name, name in OPTIONAL) for name in LIBRARIES + OPTIONAL},
        "user": lambda: "root, in a user namespace" if os.geteuid() == 0 else "ordinary",
        "docker": lambda: shutil.which("docker") or "not found (only --db compose needs it)",
        "pgbouncer": _find_pgbouncer,
        "loop": lambda: _start_loop(arguments.loop),
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
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        if is_optional:
            return f"not installed (to use it: pip install {package})"
        problem = f"{package} is not installed"
        raise CouldNotRun(problem, "this Python", install_extra("scripts")) from None


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
