"""If two revisions have the same parent, `alembic upgrade head` fails until you merge them.

If two branches of the code each add a revision, Alembic has two newest revisions, so "head" is
ambiguous. The command `alembic merge` adds a revision that follows both heads. Without a merge,
`alembic upgrade heads` runs the revisions of all heads.

Docs: https://alembic.sqlalchemy.org/en/latest/branches.html
Symptom: you get CommandError "Multiple head revisions are present".
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
HISTORY = [REVISION.format(*ids) for ids in [("a1", None), ("b1", "a1"), ("b2", "a1")]]
VERSIONS = text("SELECT version_num FROM test169.alembic_version ORDER BY 1")


class Base(DeclarativeBase):
    metadata = MetaData(schema="test169")


async def run_commands(engine: AsyncEngine, commands: Callable[[Config], None]) -> list[str]:
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
    """run `alembic upgrade head`"""
    return await run_commands(engine, lambda config: command.upgrade(config, "head"))


@right
async def merged(engine: AsyncEngine) -> list[str]:
    """run `alembic merge heads`, then `alembic upgrade head`"""
    return await run_commands(engine, merge_and_upgrade)


@right
async def heads(engine: AsyncEngine) -> list[str]:
    """run `alembic upgrade heads`"""
    return await run_commands(engine, lambda config: command.upgrade(config, "heads"))


def check(head: Observation, merged: Observation, heads: Observation) -> None:
    assert isinstance(getattr(head.error, "__cause__", None), MultipleHeads)
    assert merged.value == ["c1"]
    assert heads.value == ["b1", "b2"]


main = main_of(__name__)
