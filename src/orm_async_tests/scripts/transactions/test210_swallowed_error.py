"""If you swallow an SQL error, commit() raises nothing, but the earlier rows are lost.

After an SQL error, PostgreSQL aborts the transaction, and answers a later COMMIT with a rollback.
The driver raises no error when the server answers COMMIT with a rollback. If a statement may fail,
run it in a savepoint, or roll back and report the failure.

Docs: https://www.postgresql.org/docs/current/tutorial-transactions.html
"""

from contextlib import suppress

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong
from orm_async_tests.models import User

FAILING = text("SELECT 1 / 0")


async def count_walkers(Session: Sessions) -> dict[str, int | None]:
    async with Session() as session:
        count = select(func.count(User.id)).where(User.username == "walker")
        return {"rows": await session.scalar(count)}


async def add_walker(session: AsyncSession) -> None:
    session.add(User(username="walker"))
    await session.flush()


@wrong
async def swallowed(Session: Sessions) -> dict[str, int | None]:
    """insert a row, swallow the error of the next statement, and commit"""
    async with Session() as session:
        await add_walker(session)
        with suppress(DBAPIError):
            await session.execute(FAILING)
        await session.commit()
    return await count_walkers(Session)


@right
async def in_a_savepoint(Session: Sessions) -> dict[str, int | None]:
    """insert a row, let a statement in a savepoint fail, swallow its error, and commit"""
    async with Session() as session:
        await add_walker(session)
        with suppress(DBAPIError):
            async with session.begin_nested():
                await session.execute(FAILING)
        await session.commit()
    return await count_walkers(Session)


def check(swallowed: Observation, in_a_savepoint: Observation) -> None:
    assert swallowed.value == {"rows": 0}
    assert swallowed.error is None
    assert "COMMIT" in swallowed.log
    assert in_a_savepoint.value == {"rows": 1}


main = main_of(__name__)
