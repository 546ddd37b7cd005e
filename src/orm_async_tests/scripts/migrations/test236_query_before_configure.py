"""If env.py sends a query before context.configure(), Alembic commits nothing and raises no error.

A query on the connection begins a transaction. Alembic assumes that an open transaction belongs to
the caller, and does not commit it. If Alembic commits nothing, closing the connection in env.py
rolls back every revision. Send the queries of env.py after context.configure(), or call commit()
before context.configure().

Docs: https://alembic.sqlalchemy.org/en/latest/api/runtime.html#alembic.runtime.environment.EnvironmentContext.begin_transaction
Symptom: you get AssertionError with "autocommit_block" in the traceback.
"""

from contextlib import AbstractAsyncContextManager

from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import DeclarativeBase

from alembic import command
from orm_async_tests.harness import Observation, alembic_environment, main_of, right, wrong

ENV = """
from alembic import context
from sqlalchemy import text
connection = context.config.attributes["connection"]
connection.execute(text("CREATE SCHEMA IF NOT EXISTS test236")){}
context.configure(connection=connection, version_table_schema="test236")
with context.begin_transaction():
    context.run_migrations()
"""
REVISION = """
from alembic import op
revision, down_revision = "a1", None
def upgrade():
    {}op.execute("CREATE TABLE test236.walks (id int)")
"""
IN_A_BLOCK = "with op.get_context().autocommit_block(): "
TABLE = text("SELECT to_regclass('test236.walks') IS NOT NULL")


class Base(DeclarativeBase):
    metadata = MetaData(schema="test236")


async def upgrade(
    opened: AbstractAsyncContextManager[AsyncConnection], env: str, revision: str
) -> dict[str, object]:
    def run(connection: Connection) -> None:
        with alembic_environment(revision, env=env, connection=connection) as config:
            command.upgrade(config, "head")

    async with opened as connection:
        await connection.run_sync(run)
    async with connection.engine.connect() as another:
        return {"table exists": await another.scalar(TABLE)}


@wrong
async def query_first(engine: AsyncEngine) -> dict[str, object]:
    """send a query, then call context.configure()"""
    return await upgrade(engine.connect(), ENV.format(""), REVISION.format(""))


@wrong
async def autocommit_block(engine: AsyncEngine) -> dict[str, object]:
    """send a query, call configure(), and run a revision that uses autocommit_block()"""
    return await upgrade(engine.connect(), ENV.format(""), REVISION.format(IN_A_BLOCK))


@right
async def committed(engine: AsyncEngine) -> dict[str, object]:
    """send a query, commit, then call context.configure()"""
    committing = ENV.format("\nconnection.commit()")
    return await upgrade(engine.connect(), committing, REVISION.format(""))


@right
async def begun(engine: AsyncEngine) -> dict[str, object]:
    """open a connection with engine.begin(), send a query, then call context.configure()"""
    return await upgrade(engine.begin(), ENV.format(""), REVISION.format(""))


def check(
    query_first: Observation,
    autocommit_block: Observation,
    committed: Observation,
    begun: Observation,
) -> None:
    assert query_first.value == {"table exists": False}
    assert isinstance(autocommit_block.error, AssertionError)
    assert committed.value == begun.value == {"table exists": True}


main = main_of(__name__)
