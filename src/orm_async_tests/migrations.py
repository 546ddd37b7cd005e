"""Recognizes the state of a database, and upgrades the databases of this project.

A database of this project has two Alembic histories with separate version tables. The history
TRACKING changes the tables that the scripts and the service share. The history SERVICE changes the
table of idempotency keys, which only the service uses. You can upgrade or downgrade each history
independently.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from orm_async_tests.errors import CouldNotRun

if TYPE_CHECKING:
    from alembic.config import Config

LOCK = 1297303373  # key of the advisory lock that a session holds while it migrates
State = Literal["empty", "behind", "current", "foreign"]

ASSIGNMENT = re.compile(r"^(revision|down_revision)\b.*?= *(.+)$", re.MULTILINE)
SCRIPT_SCHEMA = re.compile(r"test\d+\.")  # of tables that a script creates for itself
TABLES = """
    SELECT n.nspname || '.' || c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema'
    AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1
"""
CREATE_SERVICE_VERSIONS = """
    CREATE TABLE IF NOT EXISTS service.alembic_version
    (version_num VARCHAR(32) CONSTRAINT alembic_version_pkc PRIMARY KEY)
"""
MOVE_SERVICE_VERSIONS = """
    WITH moved AS (
        DELETE FROM public.alembic_version WHERE version_num = ANY (:service) RETURNING version_num
    ) INSERT INTO service.alembic_version SELECT version_num FROM moved
"""


GRANT_RIGHT = (
    "grant the missing right, for example by GRANT CREATE ON SCHEMA public or "
    "GRANT EXECUTE ON FUNCTION, or add --db with a URL for the owner"
)
REMEDIES = {  # by SQLSTATE
    "42501": GRANT_RIGHT,
    "25006": "name the primary server instead of a read-only server or role",
}


class History(NamedTuple):
    """A sequence of revisions that change the tables of one schema."""

    section: str  # of alembic.ini, the argument of `alembic -n`
    folder: str  # of the revision files, below the Alembic environment
    version_table: str  # the qualified name of the table that stores the current revision


TRACKING = History("alembic", "versions", "public.alembic_version")
SERVICE = History("service", "service", "service.alembic_version")
HISTORIES = {history.section: history for history in (TRACKING, SERVICE)}


def alembic_folder() -> Path:
    """Return the folder of env.py."""
    package = Path(__file__).parent
    inside = package / "alembic"  # only in a wheel
    return inside if inside.exists() else package.parent / "alembic"


@cache
def revisions(history: History) -> dict[str, Set[str]]:
    """Return the predecessors of every revision."""
    # An import of Alembic would take 0.2 s.
    return dict(map(read_revision, (alembic_folder() / history.folder).glob("*.py")))


def heads(history: History) -> Set[str]:
    return revisions(history).keys() - _unite(revisions(history).values())


def _unite(sets: Iterable[Set[str]]) -> Set[str]:
    return frozenset[str]().union(*sets)


def read_revision(path: Path) -> tuple[str, Set[str]]:
    assignments = dict(ASSIGNMENT.findall(path.read_text("utf-8")))
    revision, parents = (ast.literal_eval(assignments[n]) for n in ("revision", "down_revision"))
    return revision, frozenset([parents] if isinstance(parents, str) else parents or ())


def _read_current(connection: Connection, tables: Set[str]) -> dict[History, Set[str]]:
    return {
        history: set(connection.scalars(text(f"SELECT version_num FROM {history.version_table}")))
        for history in HISTORIES.values()
        if history.version_table in tables
    }


def read_state(connection: Connection, *histories: History) -> State:
    """Return whether a database is foreign, empty, current or behind.

    A database is foreign if refuse_foreign() refuses it.
    """
    try:
        return refuse_foreign(connection, *histories)
    except CouldNotRun:
        return "foreign"


def _read_name(connection: Connection) -> str:
    return str(connection.scalar(text("SELECT current_database()")))


def _has_foreign_tables(history: History, tables: Set[str]) -> bool:
    """Return whether another program owns a table.

    Call this function only for a database without a revision of `history`.
    """
    others = [
        table
        for table in tables - {history.version_table}
        if table.startswith("service.") == (history is SERVICE)
    ]
    if history.version_table in tables:  # a complete downgrade keeps the tables of scripts
        return not all(map(SCRIPT_SCHEMA.match, others))
    return bool(others)


def refuse_foreign(connection: Connection, *histories: History) -> State:
    """Raise CouldNotRun if a database has tables or revisions of another program.

    Otherwise, return the state:
    - empty: the database has no revision
    - current: it has the newest revision of each of `histories`
    - behind: it lacks one of the newest revisions
    """
    tables = set(connection.scalars(text(TABLES)))  # one statement, as another session may migrate
    current = _read_current(connection, tables)
    all_current = _unite(current.values())  # from all version tables
    if unknown := all_current - _unite(revisions(history).keys() for history in HISTORIES.values()):
        raise CouldNotRun(
            f"the database {_read_name(connection)!r} has a revision of another program "
            "or of another version of this project, so nothing was changed",
            f"the revision {min(unknown)}",
            "name another database in DATABASE_URL, or run orm-async-tests db reset, "
            "which deletes the data of the scripts' embedded server",
        )
    for history in HISTORIES.values():
        if not all_current & revisions(history).keys() and _has_foreign_tables(history, tables):
            name = _read_name(connection)
            raise CouldNotRun(
                f"the database {name!r} belongs to another program, so nothing was changed",
                f"its tables, for example {', '.join(sorted(tables)[:5])}",
                f"run CREATE DATABASE {name}_tests, and name this database in DATABASE_URL",
            )
    if not all_current:
        return "empty"
    is_current = all(current.get(history) == heads(history) for history in histories)
    return "current" if is_current else "behind"


@contextmanager
def explain_refusals(place: str) -> Iterator[None]:
    """Raise CouldNotRun if the role lacks a right, or if the server is read-only."""
    try:
        yield
    except DBAPIError as error:
        if (remedy := REMEDIES.get(getattr(error.orig, "sqlstate", ""))) is None:
            raise
        raise CouldNotRun(f"the server refused a statement: {error.orig}", place, remedy) from error


def refuse_read_only(connection: Connection, place: str) -> None:
    if connection.scalar(text("SHOW transaction_read_only")) == "on":
        raise CouldNotRun("the database is read-only", place, REMEDIES["25006"])


def refuse_service(connection: Connection) -> None:
    if connection.scalar(text(f"SELECT to_regclass('{SERVICE.version_table}')")) is not None:
        name = _read_name(connection)
        raise CouldNotRun(
            f"scripts would delete the users of the service in the database {name!r}, "
            "so nothing was changed",
            f"its table {SERVICE.version_table}",
            f"run CREATE DATABASE {name}_tests and name it in DATABASE_URL, or unset DATABASE_URL",
        )


def lock_transaction(connection: Connection) -> None:
    connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))


def upgrade(connection: Connection, *histories: History) -> None:
    if refuse_foreign(connection, *histories) == "current":
        return
    lock_transaction(connection)
    if refuse_foreign(connection, *histories) == "current":
        return  # another session upgraded the database during the wait

    from alembic import command

    for history in histories:
        command.upgrade(make_config(connection, history), "head")


def separate_histories(connection: Connection) -> None:
    """Move the revision of the history SERVICE to a version table of its own.

    Older versions of this project had only one version table for the histories TRACKING and
    SERVICE. The caller must hold the migration lock.
    """
    current = _read_current(connection, set(connection.scalars(text(TABLES))))
    if current.get(TRACKING, set()) & revisions(SERVICE).keys():
        connection.execute(text(CREATE_SERVICE_VERSIONS))
        connection.execute(text(MOVE_SERVICE_VERSIONS), {"service": list(revisions(SERVICE))})


def make_config(connection: Connection | None, history: History) -> "Config":
    """Return a configuration for Alembic, because a wheel does not contain alembic.ini.

    Without a `connection`, Alembic connects to the chosen database.
    """
    from alembic.config import Config

    config = Config(ini_section=history.section)
    folder = str(alembic_folder()).replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.set_main_option("version_locations", f"{folder}/{history.folder}")
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def run_alembic(arguments: Sequence[str], history: History, db: str | None = None) -> None:
    """Run an Alembic command on the chosen database, for example `upgrade head`.

    Raise CouldNotRun for a command that writes a revision.
    """
    from alembic.config import CommandLine

    command_line = CommandLine(prog="orm-async-tests db alembic")
    options = command_line.parser.parse_args(arguments or ["--help"])
    if not hasattr(options, "cmd"):
        command_line.parser.error("name a command")
    if (name := options.cmd[0].__name__) in ("edit", "init", "merge", "revision"):
        problem = f"{name} writes a revision, but only a checkout of the project can store one"
        remedy = f"run alembic {name} in a checkout of the project"
        raise CouldNotRun(problem, "orm-async-tests db alembic", remedy)
    if db is not None:
        options.x = [*(options.x or []), f"db={db}"]
    config = make_config(None, history)
    config.cmd_opts = options
    config.attributes["option"] = "--db"  # which env.py names in messages
    command_line.run_cmd(config, options)
