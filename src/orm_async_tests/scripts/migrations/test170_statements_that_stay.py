"""A new column leaves the ORM's prepared statements valid; a new type does not.

asyncpg's prepared statements stay with their connections while another process migrates. The ORM
names its columns, so one more is nothing to it. SELECT * (test39) and a column whose type has
changed fail in the first transaction that comes: then SQLAlchemy forgets the statements of all
connections of this engine. So a type is changed by expand and contract (test163): a new column.

Symptom: InvalidCachedStatementError 0A000 "cached statement plan is invalid"
Docs: https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#prepared-statement-cache
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


async def migrated(engine: AsyncEngine, other: AsyncEngine, change: str) -> dict[str, int | str]:
    """What two connections read after another process has migrated; both had read before."""
    async with engine.connect() as one, engine.connect() as two:
        for connection in (one, two):
            await read(connection)
        async with other.begin() as migration:
            await migration.execute(text(f"ALTER TABLE test170.walks {change}"))
        return {"one": await read(one), "two": await read(two)}


@wrong
async def a_new_type(engine: AsyncEngine, other: AsyncEngine) -> dict[str, int | str]:
    """another process changes a column's type"""
    return await migrated(engine, other, "ALTER COLUMN km TYPE bigint")


@right
async def a_new_column(engine: AsyncEngine, other: AsyncEngine) -> dict[str, int | str]:
    """another process adds a column"""
    return await migrated(engine, other, "ADD COLUMN meters bigint")


def check(a_new_type: Observation, a_new_column: Observation) -> None:
    assert a_new_type.value == {"one": "stale", "two": 12}
    assert a_new_column.value == {"one": 12, "two": 12}


main = main_of(__name__)
