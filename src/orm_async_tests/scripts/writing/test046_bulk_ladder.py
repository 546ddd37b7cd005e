"""2500 rows: 3 INSERTs with RETURNING, 1 without, 1 by unnest(), none by COPY.

Where the ids must come back a statement inserts a page of 1000 rows; else the rows are the
parameters of one statement. COPY is the driver's own, in the session's transaction.

Docs: https://docs.sqlalchemy.org/en/21/core/connections.html#engine-insertmanyvalues
"""

from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, Option, at_least, main_of, variant
from orm_async_tests.models import User

ONLY = "asyncpg"
OPTIONS = (Option("rows", at_least(1), "2500", "rows"),)
UNNEST = text("INSERT INTO users (username) SELECT unnest(CAST(:names AS text[]))")
seed = None


def names(rows: int) -> list[dict[str, str]]:
    return [{"username": f"walker-{number}"} for number in range(rows)]


async def committed(session: AsyncSession) -> dict[str, int | None]:
    await session.commit()
    return {"rows": await session.scalar(select(func.count(User.id)))}


@variant
async def objects(session: AsyncSession, rows: int) -> dict[str, int | None]:
    """session.add_all(): objects, with their ids"""
    session.add_all([User(**each) for each in names(rows)])
    return await committed(session)


@variant
async def returning(session: AsyncSession, rows: int) -> dict[str, int | None]:
    """insert() of a list with RETURNING: ids, no objects"""
    await session.execute(insert(User).returning(User.id), names(rows))
    return await committed(session)


@variant
async def insert_all(session: AsyncSession, rows: int) -> dict[str, int | None]:
    """insert() of a list"""
    await session.execute(insert(User), names(rows))
    return await committed(session)


@variant
async def unnest(session: AsyncSession, rows: int) -> dict[str, int | None]:
    """INSERT ... SELECT unnest(array)"""
    await session.execute(UNNEST, {"names": [each["username"] for each in names(rows)]})
    return await committed(session)


@variant
async def copy(session: AsyncSession, rows: int) -> dict[str, int | None]:
    """COPY by the driver, after a statement has begun the transaction"""
    await session.execute(text("SELECT 1"))
    driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    records = [tuple(each.values()) for each in names(rows)]
    await driver.copy_records_to_table("users", records=records, columns=["username"])
    return await committed(session)


def check(
    objects: Observation,
    returning: Observation,
    insert_all: Observation,
    unnest: Observation,
    copy: Observation,
    rows: int,
) -> None:
    ladder = (objects, returning, insert_all, unnest, copy)
    assert all(each.value == {"rows": rows} for each in ladder)
    inserts = [sum(sql.startswith("INSERT") for sql in each.sql) for each in ladder]
    assert inserts == [-(-rows // 1000)] * 2 + [1, 1, 0]
    assert [sql.split()[0] for sql in copy.sql] == ["SELECT", "SELECT"]  # COPY is no execute()


main = main_of(__name__)
