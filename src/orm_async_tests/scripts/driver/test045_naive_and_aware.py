"""asyncpg refuses an aware datetime for a column without time zone: declare timezone=True.

An aware datetime fails for a column without time zone, because asyncpg subtracts a naive datetime
from the value. Python cannot subtract a naive datetime from an aware datetime. With psycopg, the
server converts the value to the time zone of the connection, and stores it without time zone. A
column of type DateTime(timezone=True) keeps the exact moment with both asyncpg and psycopg.

Docs: https://github.com/MagicStack/asyncpg/issues/1139
Symptom: you get an error (SQLSTATE 22000) "can't subtract offset-naive and offset-aware datetimes"
on asyncpg.
"""

from datetime import datetime, timedelta, timezone

from sqlalchemy import DateTime, MetaData, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, Stack, main_of, right, wrong

NOON = datetime(2010, 10, 3, 12, tzinfo=timezone(timedelta(hours=2)))


class Base(DeclarativeBase):
    metadata = MetaData(schema="test45")


class Moment(Base):
    __tablename__ = "moment"
    id: Mapped[int] = mapped_column(primary_key=True)
    naive: Mapped[datetime | None] = mapped_column(DateTime())
    aware: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


@wrong
async def naive(engine: AsyncEngine) -> dict[str, object]:
    """store noon at +02:00 in a column of type DateTime()"""
    async with engine.begin() as connection:
        await connection.execute(insert(Moment).values(naive=NOON))
        moment = (await connection.scalars(select(Moment.naive))).one()
    return {"moment": moment, "has a zone": bool(moment and moment.tzinfo)}


@right
async def aware(engine: AsyncEngine) -> dict[str, object]:
    """store noon at +02:00 in a column of type DateTime(timezone=True)"""
    async with engine.begin() as connection:
        await connection.execute(insert(Moment).values(aware=NOON))
        moment = (await connection.scalars(select(Moment.aware))).one()
    return {"moment": moment, "has a zone": bool(moment and moment.tzinfo)}


def check(stack: Stack, naive: Observation, aware: Observation) -> None:
    assert aware.value == {"moment": NOON, "has a zone": True}
    if stack.driver == "asyncpg":
        assert naive.code == "dbapi"
    else:
        assert naive.value["has a zone"] is False


main = main_of(__name__)
