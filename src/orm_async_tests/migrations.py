"""Whether a database is ours, and how it is brought to today's tables."""

import ast
import re
from collections.abc import Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from orm_async_tests.errors import CouldNotRun

if TYPE_CHECKING:
    from alembic.config import Config

LOCK = 1297303373  # key of the advisory lock that a session holds while it migrates
State = Literal["empty", "behind", "current", "foreign"]

OF_A_SCRIPT = re.compile(r"test\d+\.")
TABLES = """
    SELECT n.nspname || '.' || c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema'
    AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1
"""
VERSIONS = "SELECT version_num FROM {}"
MAKE_SERVICE_VERSIONS = """
    CREATE TABLE IF NOT EXISTS service.alembic_version
    (version_num VARCHAR(32) CONSTRAINT alembic_version_pkc PRIMARY KEY)
"""
MOVE_SERVICE_VERSIONS = """
    WITH moved AS (
        DELETE FROM public.alembic_version WHERE version_num = ANY (:theirs) RETURNING version_num
    ) INSERT INTO service.alembic_version SELECT version_num FROM moved
"""


@dataclass(frozen=True)
class Line:
    """A line of revisions with one head: its section of alembic.ini, its folder, its schema."""

    section: str
    folder: str
    schema: str

    @property
    def version_table(self) -> str:
        """Where its revision stands in a database."""
        return f"{self.schema}.alembic_version"


TRACKS = Line("alembic", "versions", "public")  # the tables of the scripts, which the service uses
SERVICE = Line("service", "service", "service")  # the service's own
LINES = {line.section: line for line in (TRACKS, SERVICE)}


def environment() -> Path:
    """The folder with env.py: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parent
    inside = package / "alembic"
    return inside if inside.exists() else package.parent / "alembic"


@cache
def revisions(line: Line) -> frozenset[str]:
    """The ids of its revisions, read from the files: importing Alembic takes longer."""
    return frozenset(mine for mine, _ in _history(line))


@cache
def heads(line: Line) -> frozenset[str]:
    """Its newest revision: the one that no other comes after."""
    return revisions(line).difference(*(before for _, before in _history(line)))


@cache
def _history(line: Line) -> list[tuple[str, frozenset[str]]]:
    return [read_revision(path) for path in (environment() / line.folder).glob("*.py")]


def read_revision(path: Path) -> tuple[str, frozenset[str]]:
    """The id of a file's revision, and of those that it comes after."""
    said: dict[str, Any] = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        match node:
            case (
                ast.Assign(targets=[ast.Name("revision" | "down_revision" as name)], value=value)
                | ast.AnnAssign(
                    target=ast.Name("revision" | "down_revision" as name), value=ast.expr() as value
                )
            ):
                said[name] = ast.literal_eval(value)
            case _:
                pass
    before = said["down_revision"]
    return said["revision"], frozenset([before] if isinstance(before, str) else before or ())


@dataclass(frozen=True)
class Contents:
    """What there is in a database: its tables, and the revisions in each line's version table."""

    tables: Set[str]
    versions: dict[Line, Set[str]]

    @property
    def at(self) -> Set[str]:
        """The revisions of both lines, in whichever table they are."""
        return frozenset[str]().union(*self.versions.values())

    def of(self, line: Line) -> list[str]:
        """The line's tables: those in the service's schema, or all the others."""
        tables = sorted(self.tables - {line.version_table})
        return [each for each in tables if each.startswith("service.") == (line is SERVICE)]

    def state(self, *lines: Line) -> State:
        """Whether these lines are empty, behind their newest revisions, or at them; or foreign."""
        ours = frozenset[str]().union(*map(revisions, LINES.values()))
        if self.at - ours or any(map(self._foreign, LINES.values())):
            return "foreign"
        if not self.at:
            return "empty"
        return "current" if all(self.versions.get(x) == heads(x) for x in lines) else "behind"

    def _foreign(self, line: Line) -> bool:
        """Whether there are tables, and no revision of ours made them."""
        if self.at & revisions(line):
            return False
        if line in self.versions:  # at base: what scripts made for themselves is still there
            return any(not OF_A_SCRIPT.match(each) for each in self.of(line))
        return bool(self.of(line))


def contents(connection: Connection) -> Contents:
    """What there is in the database."""
    tables = set(connection.scalars(text(TABLES)))  # one statement: another one may be migrating
    there = [line for line in LINES.values() if line.version_table in tables]
    versions = {line: text(VERSIONS.format(line.version_table)) for line in there}
    return Contents(tables, {line: set(connection.scalars(versions[line])) for line in there})


def state(connection: Connection, *lines: Line) -> State:
    """Empty, behind the newest revisions of these lines, at them, or somebody else's."""
    return contents(connection).state(*lines)


def refuse_foreign(connection: Connection, *lines: Line) -> State:
    """The state; raises CouldNotRun, naming the database, if it is somebody else's."""
    found = contents(connection)
    if (state := found.state(*lines)) == "foreign":
        name = connection.scalar(text("SELECT current_database()"))
        raise CouldNotRun(
            f"the database {name!r} is somebody else's, and was not touched",
            f"it holds {', '.join(sorted(found.tables)[:5])}",
            f"CREATE DATABASE {name}_tests, and a DATABASE_URL that names it",
        )
    return state


def lock(connection: Connection) -> None:
    """Wait for the lock of migrations, and hold it until the transaction ends."""
    connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))


def lock_session(connection: Connection) -> None:
    """Wait for the lock of migrations, and hold it until the connection closes."""
    connection.execute(text(f"SELECT pg_advisory_lock({LOCK})"))


def upgrade(connection: Connection, *lines: Line) -> None:
    """Bring an empty or an older database of ours to the newest revisions of these lines.

    Raises CouldNotRun if it is somebody else's.
    """
    if refuse_foreign(connection, *lines) == "current":
        return
    lock(connection)
    if refuse_foreign(connection, *lines) == "current":
        return  # by another one, which had the lock

    from alembic import command

    for line in lines:
        command.upgrade(config(connection, line), "head")


def separate(connection: Connection) -> None:
    """Move the service's revision out of the table that once held those of both lines.

    The caller holds the lock of migrations.
    """
    if not contents(connection).versions.get(TRACKS, set()) & revisions(SERVICE):
        return
    connection.execute(text(MAKE_SERVICE_VERSIONS))
    connection.execute(text(MOVE_SERVICE_VERSIONS), {"theirs": list(revisions(SERVICE))})


def config(connection: Connection, line: Line) -> "Config":
    """What Alembic's commands need to run a line over this connection."""
    from alembic.config import Config

    made = Config(ini_section=line.section)
    folder = str(environment()).replace("%", "%%")
    made.set_main_option("script_location", folder)
    made.set_main_option("version_locations", f"{folder}/{line.folder}")
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def refuse_service(connection: Connection) -> None:
    """Raises CouldNotRun, naming database and table, if the service keeps its users here."""
    if connection.scalar(text(f"SELECT to_regclass('{SERVICE.version_table}')")) is None:
        return
    name = connection.scalar(text("SELECT current_database()"))
    raise CouldNotRun(
        f"the database {name!r} is the service's, scripts would empty it, and it was not touched",
        f"it holds {SERVICE.version_table}",
        f"CREATE DATABASE {name}_tests and a DATABASE_URL that names it; or unset DATABASE_URL",
    )


async def ensure(connection: AsyncConnection, *lines: Line) -> None:
    """upgrade() for an asyncio connection, inside its running loop."""
    await connection.run_sync(upgrade, *lines)
