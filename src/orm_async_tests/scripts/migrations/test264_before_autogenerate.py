"""Autogenerate fails without target_metadata, or if the database lacks the newest revision.

Autogenerate compares the target_metadata of env.py with the tables of the database, so first run
`alembic upgrade head`. If the database has a revision whose file is missing, for example a revision
of another branch, every command fails. Restore the file, or run `alembic stamp --purge`.

Docs: https://alembic.sqlalchemy.org/en/latest/autogenerate.html
Symptom: you get CommandError "Can't proceed with --autogenerate option".
Symptom: you get CommandError "Target database is not up to date".
Symptom: you get CommandError "Can't locate revision identified by".
"""

from functools import partial
from typing import Any

from alembic.config import Config
from alembic.script.revision import ResolutionError
from alembic.util.exc import CommandError
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase

from alembic import command
from orm_async_tests.harness import Observation, alembic_environment, main_of, right, wrong

REVISION = 'revision, down_revision = "a1", None\ndef upgrade(): pass'
# Ignore the tables of other scripts.
SETTINGS: dict[str, Any] = {"version_table_schema": "test264", "include_name": lambda *_: False}
UPGRADE = partial(command.upgrade, revision="head")
STAMP = partial(command.stamp, revision="head", purge=True)
LOSE_FILE = text("UPDATE test264.alembic_version SET version_num = 'b1'")
VERSIONS = text("SELECT version_num FROM test264.alembic_version")


class Base(DeclarativeBase):
    metadata = MetaData(schema="test264")


def lose_file(config: Config) -> None:
    config.attributes["connection"].execute(LOSE_FILE)


async def autogenerate(
    engine: AsyncEngine, *before: Any, models: MetaData | None = Base.metadata
) -> list[str]:
    def run(connection: Connection) -> None:
        attributes = {"connection": connection, "target_metadata": models, **SETTINGS}
        with alembic_environment(REVISION, **attributes) as config:
            for step in before:
                step(config)
            command.revision(config, autogenerate=True)

    async with engine.begin() as connection:
        await connection.run_sync(run)
        return list(await connection.scalars(VERSIONS))


@wrong
async def without_metadata(engine: AsyncEngine) -> list[str]:
    """run `alembic upgrade head`, then autogenerate without target_metadata"""
    return await autogenerate(engine, UPGRADE, models=None)


@wrong
async def without_upgrade(engine: AsyncEngine) -> list[str]:
    """autogenerate without `alembic upgrade head`"""
    return await autogenerate(engine)


@wrong
async def without_file(engine: AsyncEngine) -> list[str]:
    """autogenerate while the file of the database's revision is missing"""
    return await autogenerate(engine, UPGRADE, lose_file)


@right
async def upgraded(engine: AsyncEngine) -> list[str]:
    """run `alembic upgrade head`, then autogenerate"""
    return await autogenerate(engine, UPGRADE)


@right
async def stamped(engine: AsyncEngine) -> list[str]:
    """run `alembic stamp --purge head`, then autogenerate"""
    return await autogenerate(engine, UPGRADE, lose_file, STAMP)


def check(
    without_metadata: Observation,
    without_upgrade: Observation,
    without_file: Observation,
    upgraded: Observation,
    stamped: Observation,
) -> None:
    assert type(without_metadata.error) is type(without_upgrade.error) is CommandError
    assert isinstance(getattr(without_file.error, "__cause__", None), ResolutionError)
    assert upgraded.value == stamped.value == ["a1"]


main = main_of(__name__)
