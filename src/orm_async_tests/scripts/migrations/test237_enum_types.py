"""create_table() creates an enum's type even if the type exists, but add_column() never creates it.

An enum type belongs to the schema, not to the table. If a later revision uses an existing enum type
in another table, pass create_type=False. If a downgrade keeps the enum type, the next upgrade fails
(42710) unless you pass create_type=False. Create the enum type with create() before add_column(),
and drop the type in downgrade(). Test an upgrade, a downgrade and a second upgrade: if the
downgrade has kept the enum type, only the second upgrade fails.

Docs: https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#sqlalchemy.dialects.postgresql.ENUM.params.create_type
Symptom: you get an error (SQLSTATE 42710) "type ... already exists" with "create_table" in the
traceback.
Symptom: you get an error (SQLSTATE 42704) "type ... does not exist" with "add_column" in the
traceback.
"""

from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase

from alembic import command
from orm_async_tests.harness import Observation, alembic_environment, main_of, right, wrong

REVISION = """
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ENUM
revision, down_revision = {!r}, {!r}
def upgrade():
    {}
"""
WALKS = 'op.create_table("walks", sa.Column("state", {}), schema="test237")'
TOURS = 'op.create_table("tours", sa.Column("state", {}), schema="test237")'
COLUMN = 'op.add_column("walks", sa.Column("level", {}), schema="test237")'
STATE = 'sa.Enum("open", "done", name="state", schema="test237")'
EXISTING_STATE = 'ENUM(name="state", schema="test237", create_type=False)'
LEVEL = 'sa.Enum("easy", "hard", name="level", schema="test237")'
ENUMS = "typnamespace = 'test237'::regnamespace AND typtype = 'e'"
TYPES = text(f"SELECT typname FROM pg_type WHERE {ENUMS} ORDER BY 1")


class Base(DeclarativeBase):
    metadata = MetaData(schema="test237")


async def deploy_twice(engine: AsyncEngine, second: str) -> dict[str, list[str]]:
    revisions = (
        REVISION.format("a1", None, WALKS.format(STATE)),
        REVISION.format("b1", "a1", second),
    )

    def upgrade(connection: Connection, revision: str) -> None:
        with alembic_environment(
            *revisions, connection=connection, version_table_schema="test237"
        ) as config:
            command.upgrade(config, revision)

    for revision in ("a1", "b1"):
        async with engine.begin() as connection:
            await connection.run_sync(upgrade, revision)
    async with engine.connect() as connection:
        return {"types": list(await connection.scalars(TYPES))}


@wrong
async def second_table(engine: AsyncEngine) -> dict[str, list[str]]:
    """call create_table() for two tables with the same sa.Enum"""
    return await deploy_twice(engine, TOURS.format(STATE))


@right
async def existing_type(engine: AsyncEngine) -> dict[str, list[str]]:
    """call create_table() with ENUM(create_type=False)"""
    return await deploy_twice(engine, TOURS.format(EXISTING_STATE))


@wrong
async def new_column(engine: AsyncEngine) -> dict[str, list[str]]:
    """call add_column() with a new sa.Enum"""
    return await deploy_twice(engine, COLUMN.format(LEVEL))


@right
async def created_type(engine: AsyncEngine) -> dict[str, list[str]]:
    """create the enum type with create(), then call add_column()"""
    creation = f"{LEVEL}.create(op.get_bind())"
    return await deploy_twice(engine, f"{creation}; {COLUMN.format(LEVEL)}")


def check(
    second_table: Observation,
    existing_type: Observation,
    new_column: Observation,
    created_type: Observation,
) -> None:
    assert (second_table.sqlstate, new_column.sqlstate) == ("42710", "42704")
    assert existing_type.value == {"types": ["state"]}
    assert created_type.value == {"types": ["level", "state"]}


main = main_of(__name__)
