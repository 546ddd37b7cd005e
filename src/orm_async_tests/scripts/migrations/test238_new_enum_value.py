"""Autogenerate misses a new enum value, and a revision cannot use a value that it adds (55P04).

If the model has a value that the database lacks, `alembic check` passes, but the first INSERT of
that value fails (22P02). Write the command `ALTER TYPE state ADD VALUE` into a revision. A
transaction that adds an enum value cannot use the new value, so add the value in an
autocommit_block().

Docs: https://www.postgresql.org/docs/current/sql-altertype.html
Docs: https://alembic.sqlalchemy.org/en/latest/autogenerate.html#what-does-autogenerate-detect-and-what-does-it-not-detect
Symptom: you get an error (SQLSTATE 22P02) "invalid input value for enum".
Symptom: you get an error (SQLSTATE 55P04) "unsafe use of new value ... of enum type".
"""

from collections.abc import Callable

from alembic.config import Config
from sqlalchemy import Column, Connection, Enum, MetaData, Table, insert, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase

from alembic import command
from orm_async_tests.harness import Observation, alembic_environment, main_of, right, wrong

REVISION = """
from alembic import op
revision, down_revision = "a1", None
def upgrade():
    {}op.execute("ALTER TYPE test238.state ADD VALUE 'late'")
    op.execute("UPDATE test238.walks SET state = 'late'")
"""
VALUES = text("SELECT count(*) FROM pg_enum WHERE enumtypid = 'test238.state'::regtype")
IN_A_BLOCK = "with op.get_context().autocommit_block(): "


def models(*states: str) -> MetaData:
    metadata = MetaData(schema="test238")
    Table("walks", metadata, Column("state", Enum(*states, name="state", metadata=metadata)))
    return metadata


class Base(DeclarativeBase):
    metadata = models("open", "done")


async def run(engine: AsyncEngine, do: Callable[[Config], None], revision: str = "") -> None:
    def run_command(connection: Connection) -> None:
        with alembic_environment(
            *filter(None, [revision]),
            connection=connection,
            version_table_schema="test238",
            target_metadata=models("open", "done", "late"),
            include_schemas=True,
            include_name=lambda name, kind, _: kind != "schema" or name == "test238",
        ) as config:
            do(config)

    async with engine.connect() as connection:
        await connection.run_sync(run_command)


@wrong
async def checked(engine: AsyncEngine) -> None:
    """run `alembic check`, then insert an enum value that the database lacks"""
    await run(engine, command.check)
    async with engine.begin() as connection:
        walks = models("open", "done", "late").tables["test238.walks"]
        await connection.execute(insert(walks).values(state="late"))


@wrong
async def added_and_used(engine: AsyncEngine) -> None:
    """add an enum value with ALTER TYPE, then UPDATE a row to the new value"""
    await run(engine, lambda config: command.upgrade(config, "head"), REVISION.format(""))


@right
async def added_in_a_block(engine: AsyncEngine) -> dict[str, object]:
    """add an enum value in an autocommit_block(), then UPDATE a row to the new value"""
    revision = REVISION.format(IN_A_BLOCK)
    await run(engine, lambda config: command.upgrade(config, "head"), revision)
    async with engine.connect() as connection:
        return {"values": await connection.scalar(VALUES)}


def check(checked: Observation, added_and_used: Observation, added_in_a_block: Observation) -> None:
    assert (checked.sqlstate, added_and_used.sqlstate) == ("22P02", "55P04")
    assert added_in_a_block.value == {"values": 3}


main = main_of(__name__)
