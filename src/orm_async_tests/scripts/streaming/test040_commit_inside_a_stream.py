"""A commit inside a stream ends it: its cursor lives in the transaction.

Rows that were fetched already still come; the next fetch finds no cursor. A loop over few
rows never notices, and fails when they become many. Commit in another session, or after the
last row.

Symptom: asyncpg: 25P01 "cursor cannot be created outside of a transaction"
Symptom: psycopg: 34000 "cursor ... does not exist"
Docs: https://www.postgresql.org/docs/current/sql-declare.html
"""

from collections.abc import AsyncIterator

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong
from orm_async_tests.models import User

USERS = 200
ALL = select(User.id).order_by(User.id).execution_options(yield_per=50)
GONE = {"25P01", "34000"}  # no active transaction, no such cursor


async def seed(connection: AsyncConnection) -> None:
    """many users"""
    names = f"SELECT 'username-' || n FROM generate_series(1, {USERS}) n"
    await connection.execute(text(f"INSERT INTO users (username) {names}"))


@wrong
async def same_session(session: AsyncSession) -> AsyncIterator[int]:
    """commit each row in the session that streams"""
    async for user in await session.stream_scalars(ALL):
        await session.execute(update(User).where(User.id == user).values(username="seen"))
        await session.commit()
        yield user


@right
async def another_session(session: AsyncSession, Session: Sessions) -> AsyncIterator[int]:
    """commit each row in another session"""
    async for user in await session.stream_scalars(ALL):
        async with Session() as other:
            await other.execute(update(User).where(User.id == user).values(username="seen"))
            await other.commit()
        yield user


def check(same_session: Observation, another_session: Observation) -> None:
    assert same_session.sqlstate in GONE
    assert 0 < same_session.log.count("COMMIT") < USERS  # some rows came, and their work stays

    assert another_session.value == {"items": USERS}
    assert another_session.log.count("COMMIT") == USERS


main = main_of(__name__)
