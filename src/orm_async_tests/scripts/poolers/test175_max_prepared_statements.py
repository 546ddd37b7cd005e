"""With PgBouncer's max_prepared_statements, changing a column type breaks a query for all clients.

With max_prepared_statements, PgBouncer prepares a client's statement on every server connection
that the client gets. PgBouncer 1.24 and later set max_prepared_statements by default. After a
change of a column's type, the server rejects the statements that PgBouncer prepared before the
change, even for new clients. Send RECONNECT to PgBouncer's admin console, or switch off the
statement caches of asyncpg and SQLAlchemy.

Docs: https://www.pgbouncer.org/config.html#max_prepared_statements
Symptom: you get InvalidCachedStatementError (SQLSTATE 0A000) "cached statement plan is invalid".
"""

from sqlalchemy import MetaData, insert, select, text
from sqlalchemy.exc import NotSupportedError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import MakeEngine, Observation, Pooler, main_of, right, wrong

ONLY = "asyncpg>=0.31"
ALTER = text("ALTER TABLE test175.huts ALTER COLUMN height TYPE real")
Read = dict[str, float | None]


class Base(DeclarativeBase):
    metadata = MetaData(schema="test175")


class Hut(Base):
    __tablename__ = "huts"
    id: Mapped[int] = mapped_column(primary_key=True)
    height: Mapped[int]


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Hut).values(height=1))


async def read(engine: AsyncEngine) -> Read:
    async with engine.connect() as connection:
        return {"height": await connection.scalar(select(Hut.height))}


@right
async def unchanged(pooler: Pooler, make_engine: MakeEngine) -> Read:
    """read twice as one client, on two different server connections"""
    url = pooler.start(pool_mode="transaction", max_prepared_statements="200")
    async with make_engine(url).connect() as one, make_engine(url).connect() as other:
        for connection in (one, other):
            await connection.scalar(select(Hut.height))
        await one.commit()
        await other.commit()  # PgBouncer reuses the last connection first
        return {"height": await one.scalar(select(Hut.height))}


@wrong
async def changed(pooler: Pooler, make_engine: MakeEngine, engine: AsyncEngine) -> Read:
    """read, ALTER the column's type, and read as a new client"""
    url = pooler.start(pool_mode="transaction", max_prepared_statements="200")
    await read(make_engine(url))
    async with engine.begin() as connection:
        await connection.execute(ALTER)
    return await read(make_engine(url))


@right
async def caches_off(pooler: Pooler, make_engine: MakeEngine, engine: AsyncEngine) -> Read:
    """read, ALTER the column's type, and read again, with all statement caches off"""
    url = pooler.start(pool_mode="transaction", max_prepared_statements="200")
    off = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    await read(make_engine(url, connect_args=off))
    async with engine.begin() as connection:
        await connection.execute(ALTER)
    return await read(make_engine(url, connect_args=off))


def check(unchanged: Observation, changed: Observation, caches_off: Observation) -> None:
    assert isinstance(changed.error, NotSupportedError)
    assert (unchanged.value, caches_off.value) == ({"height": 1}, {"height": 1.0})


main = main_of(__name__)
