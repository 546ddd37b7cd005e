"""An ALTER TABLE that waits for a lock blocks later queries, unless lock_timeout ends the wait.

ALTER TABLE needs the strongest lock on the table, so it waits for a report that is reading the
table. While ALTER TABLE waits, every later query on the table waits behind it. If lock_timeout ends
the ALTER TABLE (SQLSTATE 55P03), other queries continue, and you can run the migration again later.

Docs: https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
Docs: https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-LOCK-TIMEOUT
Symptom: you get an error (SQLSTATE 55P03) "canceling statement due to lock timeout".
"""

import asyncio

from sqlalchemy import MetaData, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Activity, Observation, Sessions, main_of, right, wrong

ALTER = "ALTER TABLE test164.walks ADD COLUMN name text"


class Base(DeclarativeBase):
    metadata = MetaData(schema="test164")


class Walk(Base):
    __tablename__ = "walks"
    id: Mapped[int] = mapped_column(primary_key=True)


async def migrate(engine: AsyncEngine, lock_timeout: str) -> None:
    while True:  # in a program, pause between two attempts
        try:
            async with engine.begin() as connection:
                await connection.execute(text(f"SET LOCAL lock_timeout = '{lock_timeout}'"))
                await connection.execute(text(ALTER))
            return
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != "55P03":
                raise


@wrong
async def patiently(engine: AsyncEngine, Session: Sessions, activity: Activity) -> dict[str, bool]:
    """migrate without lock_timeout during a transaction that has read the table"""
    async with Session() as report, Session() as page:
        await report.scalar(select(Walk.id))
        migration = asyncio.create_task(migrate(engine, "0"))
        await activity.until_blocked()
        reading = asyncio.create_task(page.scalar(select(Walk.id)))
        await activity.until_blocked(2)
        was_read = reading.done()
        await report.rollback()
        await asyncio.gather(migration, reading)
    return {"read during the report": was_read}


@right
async def in_tries(engine: AsyncEngine, Session: Sessions, activity: Activity) -> dict[str, bool]:
    """migrate with lock_timeout during a transaction that has read the table"""
    async with Session() as report, Session() as page:
        await report.scalar(select(Walk.id))
        migration = asyncio.create_task(migrate(engine, "50ms"))
        await activity.until_blocked()
        reading = asyncio.create_task(page.scalar(select(Walk.id)))
        await asyncio.wait([reading], timeout=10)
        was_read = reading.done()
    await migration
    return {"read during the report": was_read}


def check(patiently: Observation, in_tries: Observation) -> None:
    assert patiently.value == {"read during the report": False}
    assert in_tries.value == {"read during the report": True}
    assert patiently.sql.count(ALTER) == 1 < in_tries.sql.count(ALTER)


main = main_of(__name__)
