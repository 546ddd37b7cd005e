"""`await session.add(row)` raises TypeError, but a later commit inserts the row.

The method add() sends nothing, so it is not a coroutine and returns None. In `await
session.add(row)`, Python first calls add(), and then cannot await its result None. If your code
handles the TypeError of `await session.add(row)` and commits later, the row is inserted, because
add() has run.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncSession.add
Symptom: you get TypeError "object NoneType can't be used in 'await' expression".
Symptom: you get TypeError "object NoneType can't be used in 'await' expression" with ".add(" in the
traceback.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong
from orm_async_tests.models import User

COUNT = "SELECT count(*) FROM users WHERE username = 'walker'"


@wrong
async def awaited(session: AsyncSession) -> None:
    """await session.add(user)"""
    await session.add(User(username="walker"))  # type: ignore[func-returns-value, misc]
    await session.commit()


@wrong
async def handled(session: AsyncSession, activity: Activity) -> dict[str, int]:
    """await add(), handle the error, and commit"""
    errors = 0
    try:
        await session.add(User(username="walker"))  # type: ignore[func-returns-value, misc]
    except TypeError:
        errors += 1
    await session.commit()
    return {"errors": errors, "rows": int(await activity.scalar(COUNT))}


@right
async def called(session: AsyncSession, activity: Activity) -> dict[str, int]:
    """call session.add(user)"""
    session.add(User(username="walker"))
    await session.commit()
    return {"rows": int(await activity.scalar(COUNT))}


def check(awaited: Observation, handled: Observation, called: Observation) -> None:
    assert isinstance(awaited.error, TypeError)
    assert awaited.log == []
    assert handled.value == {"errors": 1, "rows": 1}
    assert called.value == {"rows": 1}
    assert len(handled.sql) == len(called.sql) == 1


main = main_of(__name__)
