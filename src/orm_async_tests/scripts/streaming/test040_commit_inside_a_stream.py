"""A commit inside a stream ends the stream, because the cursor belongs to the transaction.

After a commit, a stream still returns the rows that it has already fetched, but its next fetch
finds no cursor. A loop that commits inside a stream works with few rows and fails with many. Commit
in a session that does not stream, or after you have read the last row of the stream.

Docs: https://www.postgresql.org/docs/current/sql-declare.html
Symptom: you get an error (SQLSTATE 25P01) "cursor cannot be created outside of a transaction"
on asyncpg.
Symptom: you get an error (SQLSTATE 34000) "cursor ... does not exist" on psycopg.
"""

from collections.abc import AsyncIterator

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong
from orm_async_tests.models import User

USERS = 200
USERS_IN_PARTITIONS = select(User.id).order_by(User.id).execution_options(yield_per=50)
NO_CURSOR = {"25P01", "34000"}  # asyncpg and psycopg cannot find the cursor


async def seed(connection: AsyncConnection) -> None:
    names = f"SELECT 'username-' || n FROM generate_series(1, {USERS}) n"
    await connection.execute(text(f"INSERT INTO users (username) {names}"))


@wrong
async def same_session(session: AsyncSession) -> AsyncIterator[int]:
    """stream in one session, and commit after every row in the same session"""
    async for user in await session.stream_scalars(USERS_IN_PARTITIONS):
        await session.execute(update(User).where(User.id == user).values(username="renamed"))
        await session.commit()
        yield user


@right
async def another_session(session: AsyncSession, Session: Sessions) -> AsyncIterator[int]:
    """stream in one session, and commit after every row in another session"""
    async for user in await session.stream_scalars(USERS_IN_PARTITIONS):
        async with Session() as other:
            await other.execute(update(User).where(User.id == user).values(username="renamed"))
            await other.commit()
        yield user


def check(same_session: Observation, another_session: Observation) -> None:
    assert same_session.sqlstate in NO_CURSOR
    assert 0 < same_session.log.count("COMMIT") < USERS  # the changes of some rows are committed

    assert another_session.value == {"items": USERS}
    assert another_session.log.count("COMMIT") == USERS


main = main_of(__name__)
