"""asyncpg stores datetime.min and datetime.max as infinities: refuse both as input.

Even in a timestamptz column, asyncpg stores datetime.min as -infinity and datetime.max as infinity.
When asyncpg reads an infinity, it returns datetime.min or datetime.max, without a time zone. The
driver psycopg stores datetime.min and datetime.max exactly, but cannot read an infinity. To store
that a period has no end, use NULL.

Docs: https://magicstack.github.io/asyncpg/current/usage.html#type-conversion
Docs: https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-DATETIME-SPECIAL-VALUES
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import DateTime, MetaData, Text, cast, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, Stack, main_of, right, wrong

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
STEP = timedelta(microseconds=1)


class Base(DeclarativeBase):
    metadata = MetaData(schema="test171")


class Permit(Base):
    __tablename__ = "permits"
    id: Mapped[int] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    until: Mapped[datetime] = mapped_column(DateTime(timezone=True))


async def store(engine: AsyncEngine, since: Any, until: Any) -> dict[str, list[str]]:
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL timezone = 'UTC'"))  # psycopg reads in this zone
        await connection.execute(insert(Permit).values(since=since, until=until))
        texts = select(cast(Permit.since, Text), cast(Permit.until, Text))
        stored = (await connection.execute(texts)).one()
        read = (await connection.execute(select(Permit.since, Permit.until))).one()
    return {"stored": list(stored), "read": [moment.isoformat() for moment in read]}


@wrong
async def the_ends(engine: AsyncEngine) -> dict[str, list[str]]:
    """store datetime.min and datetime.max, in UTC"""
    return await store(engine, FIRST, LAST)


@wrong
async def infinities(engine: AsyncEngine) -> dict[str, list[str]]:
    """store PostgreSQL's infinities"""
    return await store(engine, text("'-infinity'"), text("'infinity'"))


@right
async def inside(engine: AsyncEngine) -> dict[str, list[str]]:
    """store the moments just after datetime.min and just before datetime.max"""
    return await store(engine, FIRST + STEP, LAST - STEP)


def check(
    stack: Stack, the_ends: Observation, infinities: Observation, inside: Observation
) -> None:
    assert inside.value == {
        "stored": ["0001-01-01 00:00:00.000001+00", "9999-12-31 23:59:59.999998+00"],
        "read": [(FIRST + STEP).isoformat(), (LAST - STEP).isoformat()],
    }
    if stack.driver == "asyncpg":
        assert the_ends.value["stored"] == ["-infinity", "infinity"]
        assert the_ends.value["read"] == [datetime.min.isoformat(), datetime.max.isoformat()]
        assert infinities.value == the_ends.value
    else:
        assert the_ends.value["read"] == [FIRST.isoformat(), LAST.isoformat()]
        assert infinities.code == "9h9h"


main = main_of(__name__)
