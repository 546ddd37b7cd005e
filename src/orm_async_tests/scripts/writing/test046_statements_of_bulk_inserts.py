"""To insert 2500 rows, SQLAlchemy executes three INSERTs with RETURNING, or one INSERT without it.

One INSERT with RETURNING writes up to 1000 rows. Without RETURNING, SQLAlchemy passes all rows as
parameters of one statement. COPY writes all rows without an INSERT, but you must call COPY through
the driver.

Docs: https://docs.sqlalchemy.org/en/21/core/connections.html#engine-insertmanyvalues
"""

from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, Option, at_least, main_of, variant
from orm_async_tests.models import User

ONLY = "asyncpg"
OPTIONS = (Option("rows", at_least(1), "2500", "rows to insert, at least 1"),)
UNNEST = text("INSERT INTO users (username) SELECT unnest(CAST(:names AS text[]))")
seed = None


def create_records(rows: int) -> list[dict[str, str]]:
    return [{"username": f"walker-{number}"} for number in range(rows)]


async def commit_and_count(session: AsyncSession) -> dict[str, int | None]:
    await session.commit()
    return {"rows": await session.scalar(select(func.count(User.id)))}


@variant
async def objects(session: AsyncSession, rows: int) -> dict[str, int | None]:
    """add objects with session.add_all(), and get the objects with their ids"""
    session.add_all([User(**record) for record in create_records(rows)])
    return await commit_and_count(session)


@variant
async def returning(session: AsyncSession, rows: int) -> dict[str, int | None]:
    """insert a list of rows with RETURNING, and get ids without objects"""
    await session.execute(insert(User).returning(User.id), create_records(rows))
    return await commit_and_count(session)


@variant
async def insert_all(session: AsyncSession, rows: int) -> dict[str, int | None]:
    """insert a list of rows without RETURNING"""
    await session.execute(insert(User), create_records(rows))
    return await commit_and_count(session)


@variant
async def unnest(session: AsyncSession, rows: int) -> dict[str, int | None]:
    """execute INSERT ... SELECT unnest(array)"""
    await session.execute(
        UNNEST, {"names": [record["username"] for record in create_records(rows)]}
    )
    return await commit_and_count(session)


@variant
async def copy(session: AsyncSession, rows: int) -> dict[str, int | None]:
    """use the driver's COPY, after a statement has begun the transaction"""
    await session.execute(text("SELECT 1"))
    driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    records = [tuple(record.values()) for record in create_records(rows)]
    await driver.copy_records_to_table("users", records=records, columns=["username"])
    return await commit_and_count(session)


def check(
    objects: Observation,
    returning: Observation,
    insert_all: Observation,
    unnest: Observation,
    copy: Observation,
    rows: int,
) -> None:
    observations = (objects, returning, insert_all, unnest, copy)
    assert all(observation.value == {"rows": rows} for observation in observations)
    inserts = [
        sum(sql.startswith("INSERT") for sql in observation.sql) for observation in observations
    ]
    assert inserts == [-(-rows // 1000)] * 2 + [1, 1, 0]
    assert [sql.split()[0] for sql in copy.sql] == [
        "SELECT",
        "SELECT",
    ]  # COPY is not executed by SQLAlchemy


main = main_of(__name__)
