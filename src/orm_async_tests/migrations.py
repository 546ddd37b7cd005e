"""Whether a database is ours, and how it is brought to today's tables."""

import os
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from orm_async_tests.errors import CouldNotRun

if TYPE_CHECKING:
    from alembic.config import Config

BRANCHES = ("versions", "service")  # folders of revisions
LOCK = 1297303373  # an advisory lock, held by who migrates
State = Literal["empty", "behind", "current", "foreign"]

REVISION = re.compile(r'^(revision|down_revision) = "(\w+)"$', re.MULTILINE)
TABLES = """
    SELECT n.nspname || '.' || c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema'
    AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1
"""


def environment() -> Path:
    """The folder with env.py: beside the package in a checkout, inside it in a wheel."""
    package = Path(str(files("orm_async_tests")))
    inside = package / "alembic"
    return inside if inside.exists() else package.parent / "alembic"


@cache
def revisions() -> frozenset[str]:
    """The ids of our revisions, read from the files: importing Alembic takes longer."""
    return frozenset(mine for mine, _ in _history())


@cache
def heads() -> frozenset[str]:
    """The newest revision of each branch: those that no other comes after."""
    return revisions() - {before for _, before in _history()}


def _history() -> list[tuple[str, str]]:
    texts = [path.read_text("utf-8") for path in environment().glob("*/*.py")]
    found = [dict(REVISION.findall(each)) for each in texts]
    return [(each["revision"], each.get("down_revision", "")) for each in found]


def state(connection: Connection) -> State:
    """Empty, behind our newest revisions, at them, or somebody else's."""
    tables = set(connection.scalars(text(TABLES)))  # one statement: another one may be migrating
    if "public.alembic_version" not in tables:
        return "foreign" if tables else "empty"
    at = set(connection.scalars(text("SELECT version_num FROM public.alembic_version")))
    if at == heads():
        return "current"
    if at and at <= revisions():
        return "behind"
    return "foreign" if at or len(tables) > 1 else "empty"


def refuse_foreign(connection: Connection) -> State:
    """The state; raises CouldNotRun, naming the database, if it is somebody else's."""
    found = state(connection)
    if found == "foreign":
        name = connection.scalar(text("SELECT current_database()"))
        tables = ", ".join(list(connection.scalars(text(TABLES)))[:5])
        raise CouldNotRun(
            f"the database {name!r} is somebody else's, and was not touched",
            f"it holds {tables}",
            f"CREATE DATABASE {name}_tests, and a DATABASE_URL that names it",
        )
    return found


def upgrade(connection: Connection) -> None:
    """Bring an empty or an older database of ours to the newest revisions; nothing if it is there.

    Raises CouldNotRun if it is somebody else's.
    """
    if refuse_foreign(connection) == "current":
        return
    connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    if refuse_foreign(connection) == "current":
        return  # by another one, which had the lock

    from alembic import command

    command.upgrade(config(connection), "heads")


def config(connection: Connection) -> "Config":
    """What Alembic's commands need to run over this connection."""
    from alembic.config import Config

    made = Config()
    folder = str(environment()).replace("%", "%%")
    made.set_main_option("script_location", folder)
    branches = os.pathsep.join(f"{folder}/{name}" for name in BRANCHES)
    made.set_main_option("version_locations", branches)
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


async def ensure(connection: AsyncConnection) -> None:
    """upgrade() for an asyncio connection, inside its running loop."""
    await connection.run_sync(upgrade)
