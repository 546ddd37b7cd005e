"""statement_cache_size=0 alone reads 1065353216 for 1.0 after somebody's ALTER.

Two caches keep prepared statements: asyncpg's, and SQLAlchemy's on top of it. With only the first
one off, a statement is kept whose column types asyncpg no longer watches: after a change of type by
somebody else the bytes of a float are read as an integer, without an error. Switch off both, or
none.

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


async def read_twice(mine: AsyncEngine, somebodys: AsyncEngine) -> dict[str, object]:
    """What is read after the column has become a float."""
    async with mine.connect() as connection:
        await connection.scalar(select(Hut.height))
        await connection.commit()
        async with somebodys.begin() as other:
            await other.execute(ALTER)
        return {"height": await connection.scalar(select(Hut.height))}


@wrong
async def one_cache_off(make_engine: MakeEngine) -> dict[str, object]:
    """read, let somebody ALTER, read: with asyncpg's cache off"""
    mine = make_engine(connect_args={"statement_cache_size": 0})
    return await read_twice(mine, make_engine())


@right
async def both_caches_off(make_engine: MakeEngine) -> dict[str, object]:
    """the same with both caches off"""
    off = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    return await read_twice(make_engine(connect_args=off), make_engine())


def check(one_cache_off: Observation, both_caches_off: Observation) -> None:
    assert one_cache_off.value == {"height": 1065353216}
    assert both_caches_off.value == {"height": 1.0}


main = main_of(__name__)
