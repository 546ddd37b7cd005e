"""Unique statement names do not make an ENUM column work behind PgBouncer.

To look up an ENUM type, asyncpg prepares an internal statement. The function
prepared_statement_name_func does not name asyncpg's internal statements, so two processes give
these statements the same name. With statement_cache_size=0, asyncpg's internal statements have no
names.

Docs: https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#prepared-statement-name-with-pgbouncer
Symptom: you get DuplicatePreparedStatementError (SQLSTATE 42P05) "statement ... already exists"
with "_introspect_types" in the traceback.
"""

from enum import Enum
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, MetaData, NullPool, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, Pooler, Processes, main_of, right, wrong

ONLY = "asyncpg>=0.31"
Read = dict[str, str | None]
Pace = Enum("Pace", ["slow", "fast"])


class Base(DeclarativeBase):
    metadata = MetaData(schema="test177")


class Walk(Base):
    __tablename__ = "walks"
    id: Mapped[int] = mapped_column(primary_key=True)
    pace: Mapped[Pace]


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Walk).values(pace=Pace.slow))


def unique_name() -> str:
    return f"s_{uuid4()}"


async def read(url: URL, options: dict[str, Any]) -> Read:
    engine = create_async_engine(url, **options)
    async with AsyncSession(engine) as session:
        pace = (await session.scalars(select(Walk.pace))).one()
    await engine.dispose()
    return {"pace": pace.name}


@wrong
async def unique_names(pooler: Pooler, processes: Processes) -> Read:
    """read in two processes, with NullPool and unique statement names"""
    url = pooler.start(pool_mode="transaction", default_pool_size="1", max_prepared_statements="0")
    names = {"prepared_statement_name_func": unique_name}
    options = {"poolclass": NullPool, "connect_args": names}
    await processes.run(read, url, options)
    return await processes.run(read, url, options)


@right
async def both_caches_off(pooler: Pooler, processes: Processes) -> Read:
    """read in two processes, with all statement caches off"""
    url = pooler.start(pool_mode="transaction", default_pool_size="1", max_prepared_statements="0")
    off = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    await processes.run(read, url, {"connect_args": off})
    return await processes.run(read, url, {"connect_args": off})


def check(unique_names: Observation, both_caches_off: Observation) -> None:
    assert unique_names.sqlstate == "42P05"
    assert both_caches_off.value == {"pace": "slow"}


main = main_of(__name__)
