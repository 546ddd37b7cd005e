"""If you set only statement_cache_size=0, asyncpg may read a float as an integer after an ALTER.

Both asyncpg and SQLAlchemy's dialect cache prepared statements. If you switch off only asyncpg's
statement cache, a change of a column's type goes unnoticed. If a column changes from integer to
float, a connection may read the bytes of the float as an integer. Switch off both asyncpg's cache
and SQLAlchemy's cache, or leave both caches on.

Docs: https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#prepared-statement-cache
"""

from sqlalchemy import MetaData, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong

ONLY = "asyncpg>=0.31"
ALTER = text("ALTER TABLE test105.huts ALTER COLUMN height TYPE real")


class Base(DeclarativeBase):
    metadata = MetaData(schema="test105")


class Hut(Base):
    __tablename__ = "huts"
    id: Mapped[int] = mapped_column(primary_key=True)
    height: Mapped[int]


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Hut).values(height=1))


async def read_around_alter(reading: AsyncEngine, altering: AsyncEngine) -> dict[str, object]:
    async with reading.connect() as connection:
        await connection.scalar(select(Hut.height))
        await connection.commit()
        async with altering.begin() as other:
            await other.execute(ALTER)
        return {"height": await connection.scalar(select(Hut.height))}


@wrong
async def one_cache_off(make_engine: MakeEngine) -> dict[str, object]:
    """with only asyncpg's statement cache off, read a column, change its type, and read it again"""
    reading = make_engine(connect_args={"statement_cache_size": 0})
    return await read_around_alter(reading, make_engine())


@right
async def both_caches_off(make_engine: MakeEngine) -> dict[str, object]:
    """with both statement caches off, read a column, change its type, and read it again"""
    off = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    return await read_around_alter(make_engine(connect_args=off), make_engine())


def check(one_cache_off: Observation, both_caches_off: Observation) -> None:
    assert one_cache_off.value == {"height": 1065353216}
    assert both_caches_off.value == {"height": 1.0}


main = main_of(__name__)
