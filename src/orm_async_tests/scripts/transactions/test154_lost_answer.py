"""If the answer to COMMIT is lost, the rows may exist, so retry only with a unique key.

The script cuts the connection after the server has committed, but before the client gets the
answer. The client sees only the error of a lost connection, so it cannot know whether the commit
succeeded. If the commit has succeeded, a plain retry does the work twice. If a request stores a key
in a column with a unique constraint, a retry with the same key cannot store a second row.

Docs: https://docs.sqlalchemy.org/en/21/core/exceptions.html#sqlalchemy.exc.DBAPIError.connection_invalidated
Symptom: you get an error (SQLSTATE 08003) "connection was closed in the middle of operation"
on asyncpg.
Symptom: you get OperationalError "server closed the connection unexpectedly" on psycopg.
"""

from sqlalchemy import MetaData, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, Sessions, Wire, main_of, right, wrong

KEY = "2f6a"


class Base(DeclarativeBase):
    metadata = MetaData(schema="test154")


class Payment(Base):
    __tablename__ = "payments"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str | None] = mapped_column(unique=True)


async def pay(Session: Sessions, key: str | None) -> None:
    async with Session() as session:
        await session.execute(insert(Payment).values(key=key).on_conflict_do_nothing())
        await session.commit()


async def payments(Session: Sessions) -> int:
    async with Session() as session:
        return (await session.scalars(select(func.count(Payment.id)))).one()


@wrong
async def try_again(Session: Sessions, wire: Wire) -> dict[str, object]:
    """lose the answer to COMMIT, then retry"""
    wire.lose_answer(to="COMMIT")
    try:
        await pay(Session, key=None)
    except DBAPIError as error:
        await pay(Session, key=None)
        return {
            "connection lost": error.connection_invalidated,
            "payments": await payments(Session),
        }
    return {"connection lost": False, "payments": await payments(Session)}


@right
async def try_again_with_the_key(Session: Sessions, wire: Wire) -> dict[str, object]:
    """lose the answer to COMMIT, then retry with the same key"""
    wire.lose_answer(to="COMMIT")
    try:
        await pay(Session, key=KEY)
    except DBAPIError as error:
        await pay(Session, key=KEY)
        return {
            "connection lost": error.connection_invalidated,
            "payments": await payments(Session),
        }
    return {"connection lost": False, "payments": await payments(Session)}


def check(try_again: Observation, try_again_with_the_key: Observation) -> None:
    assert try_again.value == {"connection lost": True, "payments": 2}
    assert try_again_with_the_key.value == {"connection lost": True, "payments": 1}


main = main_of(__name__)
