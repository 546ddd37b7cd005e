"""After SQLSTATE 40001, run the whole transaction again, and not only the failed statement.

At REPEATABLE READ and above, the server refuses to overwrite a row that a newer commit has changed
(40001). After SQLSTATE 40001, roll back, read again, and decide again what to write.

Docs: https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html
Symptom: you get an error (SQLSTATE 40001) "could not serialize access due to concurrent update".
Symptom: you get an error (SQLSTATE 25P02) "current transaction is aborted, commands ignored".
"""

from sqlalchemy import MetaData, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong

LEVEL = {"isolation_level": "REPEATABLE READ"}


class Base(DeclarativeBase):
    metadata = MetaData(schema="test102")


class Hut(Base):
    __tablename__ = "huts"
    id: Mapped[int] = mapped_column(primary_key=True)
    guests: Mapped[int]


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Hut).values(guests=0))


async def add_guest(session: AsyncSession) -> None:
    await session.execute(update(Hut).values(guests=Hut.guests + 1))


async def fail_serialization(one: AsyncSession, two: AsyncSession) -> DBAPIError:
    await two.execute(select(Hut.guests))
    await add_guest(one)
    await one.commit()
    try:
        await add_guest(two)
    except DBAPIError as error:
        return error
    raise AssertionError


@wrong(engine=LEVEL)
async def the_statement_again(Session: Sessions) -> None:
    """after a serialization error, execute only the failed UPDATE again"""
    async with Session() as one, Session() as two:
        await fail_serialization(one, two)
        await add_guest(two)


@right(engine=LEVEL)
async def the_transaction_again(Session: Sessions) -> dict[str, object]:
    """roll back, and run the whole transaction again"""
    async with Session() as one, Session() as two:
        error = await fail_serialization(one, two)
        await two.rollback()
        await add_guest(two)
        await two.commit()
        guests = (await two.scalars(select(Hut.guests))).one()
        return {"refused with": getattr(error.orig, "sqlstate", None), "guests": guests}


def check(the_statement_again: Observation, the_transaction_again: Observation) -> None:
    assert the_statement_again.sqlstate == "25P02"
    assert the_transaction_again.value == {"refused with": "40001", "guests": 2}


main = main_of(__name__)
