"""Two revisions on one parent make two heads: `upgrade head` fails until a merge.

Two branches of the code each add a revision, and both are merged: now there are two newest ones,
and "head" does not say which. `alembic merge` adds a revision that comes after both. "heads"
runs both as they are, which is right for branches that are meant to stay apart.

Symptom: CommandError "Multiple head revisions are present"
Docs: https://alembic.sqlalchemy.org/en/latest/branches.html
"""

from collections.abc import Callable

from alembic.config import Config
from alembic.script.revision import MultipleHeads
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase

from alembic import command
from orm_async_tests.harness import Observation, alembic_environment, main_of, right, wrong

REVISION = """
revision, down_revision = {!r}, {!r}
def upgrade():
    pass
"""
HISTORY = [REVISION.format(*each) for each in [("a1", None), ("b1", "a1"), ("b2", "a1")]]
VERSIONS = text("SELECT version_num FROM test169.alembic_version ORDER BY 1")


class Base(DeclarativeBase):
    metadata = MetaData(schema="test169")


async def after(engine: AsyncEngine, commands: Callable[[Config], None]) -> list[str]:
    """The versions that the database has after these commands."""

    def run(connection: Connection) -> None:
        with alembic_environment(
            *HISTORY, connection=connection, version_table_schema="test169"
        ) as config:
            commands(config)

    async with engine.begin() as connection:
        await connection.run_sync(run)
        return list(await connection.scalars(VERSIONS))


def merge_and_upgrade(config: Config) -> None:
    command.merge(config, "heads", rev_id="c1")
    command.upgrade(config, "head")


@wrong
async def head(engine: AsyncEngine) -> list[str]:
    """alembic upgrade head"""
    return await after(engine, lambda config: command.upgrade(config, "head"))


@right
async def merged(engine: AsyncEngine) -> list[str]:
    """alembic merge heads; alembic upgrade head"""
    return await after(engine, merge_and_upgrade)


@right
async def heads(engine: AsyncEngine) -> list[str]:
    """alembic upgrade heads"""
    return await after(engine, lambda config: command.upgrade(config, "heads"))


def check(head: Observation, merged: Observation, heads: Observation) -> None:
    assert isinstance(getattr(head.error, "__cause__", None), MultipleHeads)
    assert merged.value == ["c1"]
    assert heads.value == ["b1", "b2"]


main = main_of(__name__)
