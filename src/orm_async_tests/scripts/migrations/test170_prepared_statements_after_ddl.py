"""A new column does not break the ORM's prepared statements, but a changed column type does.

The ORM's statements name their columns, so an additional column does not affect the statements. In
the first transaction after a migration, a SELECT * fails (test39), and so does a query of a column
whose type has changed. Instead of changing a type, add a new column, and drop the old column later
(test163).

Docs: https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#prepared-statement-cache
Symptom: you get InvalidCachedStatementError (SQLSTATE 0A000) "cached statement plan is invalid".
"""

from sqlalchemy import MetaData, insert, select, text
from sqlalchemy.exc import NotSupportedError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong

ONLY = "asyncpg"


class Base(DeclarativeBase):
    metadata = MetaData(schema="test170")


class Walk(Base):
    __tablename__ = "walks"
    id: Mapped[int] = mapped_column(primary_key=True)
    km: Mapped[int]


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Walk).values(km=12))


async def read(connection: AsyncConnection) -> int | str:
    async with AsyncSession(connection) as session:
        try:
            return (await session.scalars(select(Walk))).one().km
        except NotSupportedError:
            return "stale"


async def migrate_between_reads(
    engine: AsyncEngine, other: AsyncEngine, change: str
) -> dict[str, int | str]:
    async with engine.connect() as one, engine.connect() as two:
        for connection in (one, two):
            await read(connection)
        async with other.begin() as migration:
            await migration.execute(text(f"ALTER TABLE test170.walks {change}"))
        return {"one": await read(one), "two": await read(two)}


@wrong
async def a_new_type(engine: AsyncEngine, other: AsyncEngine) -> dict[str, int | str]:
    """read a column, change its type in another process, and read the column again"""
    return await migrate_between_reads(engine, other, "ALTER COLUMN km TYPE bigint")


@right
async def a_new_column(engine: AsyncEngine, other: AsyncEngine) -> dict[str, int | str]:
    """read, add a column from a second process, and read again"""
    return await migrate_between_reads(engine, other, "ADD COLUMN meters bigint")


def check(a_new_type: Observation, a_new_column: Observation) -> None:
    assert a_new_type.value == {"one": "stale", "two": 12}
    assert a_new_column.value == {"one": 12, "two": 12}


main = main_of(__name__)
