"""CREATE INDEX blocks writers, but CREATE INDEX CONCURRENTLY in autocommit_block() does not.

A plain CREATE INDEX keeps its lock until the end of the revision's transaction. Inside a
transaction, PostgreSQL rejects CREATE INDEX CONCURRENTLY with 25001.

Docs: https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
Symptom: you get an error (SQLSTATE 25001) "cannot run inside a transaction block".
Symptom: you get an error (SQLSTATE 55P03) "canceling statement due to lock timeout".
"""

from asyncio import create_task
from contextlib import nullcontext
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, MetaData, insert, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong

VALID = text("SELECT indisvalid FROM pg_index WHERE indexrelid = 'test165.ix'::regclass")


class Base(DeclarativeBase):
    metadata = MetaData(schema="test165")


class Walk(Base):
    __tablename__ = "walks"
    id: Mapped[int] = mapped_column(primary_key=True)


def upgrade(connection: Connection, /, block: Any = nullcontext, **options: Any) -> None:
    op = Operations(context := MigrationContext.configure(connection))
    with context.begin_transaction(), block(context):
        op.create_index("ix", "walks", ["id"], schema="test165", **options)


async def write(engine: AsyncEngine) -> None:
    """Insert a row, or fail if the wait for a lock takes more than 50 ms."""
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
        await connection.execute(insert(Walk))


@wrong
async def plainly(engine: AsyncEngine) -> None:
    """CREATE INDEX in the revision's transaction, and insert a row before this transaction ends"""
    async with engine.begin() as connection:
        await connection.run_sync(upgrade)
        await write(engine)


@wrong
async def concurrently(engine: AsyncEngine) -> None:
    """CREATE INDEX CONCURRENTLY in the revision's transaction"""
    async with engine.begin() as connection:
        await connection.run_sync(upgrade, postgresql_concurrently=True)


@right
async def outside(engine: AsyncEngine, activity: Activity) -> dict[str, object]:
    """CREATE INDEX CONCURRENTLY in an autocommit_block(), and insert a row meanwhile"""
    async with engine.connect() as connection, engine.connect() as older:
        await older.execute(insert(Walk))
        block = MigrationContext.autocommit_block
        building = create_task(connection.run_sync(upgrade, block, postgresql_concurrently=True))
        await activity.until_blocked()
        await write(engine)
        await older.commit()
        await building
        return {"index is valid": await older.scalar(VALID)}


def check(plainly: Observation, concurrently: Observation, outside: Observation) -> None:
    assert (plainly.sqlstate, concurrently.sqlstate) == ("55P03", "25001")
    assert outside.value == {"index is valid": True}


main = main_of(__name__)
