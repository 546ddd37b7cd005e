"""Reading rows raises an error if an UPDATE has no RETURNING, or if first() has closed the result.

If a statement cannot return rows, for example an UPDATE without RETURNING, its result is closed.
The methods first(), one() and scalar() close their result. Reading a closed result raises
ResourceClosedError. Use returning(), read the rows once, and keep them in a list.

Docs: https://docs.sqlalchemy.org/en/21/tutorial/data_update.html#using-returning-with-update-delete
Symptom: you get ResourceClosedError "It has been closed automatically".
Symptom: you get ResourceClosedError "This result object is closed".
"""

from sqlalchemy import select, update
from sqlalchemy.exc import ResourceClosedError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

CHANGE = update(User).values(username="guide")
READ = select(User.id).order_by(User.id)


@wrong
async def update_without_returning(session: AsyncSession) -> dict[str, list[int]]:
    """read the rows of an UPDATE without RETURNING"""
    result = await session.execute(CHANGE)
    return {"ids": [row.id for row in result]}


@right
async def update_returning(session: AsyncSession) -> dict[str, list[int]]:
    """read the rows of an UPDATE with RETURNING"""
    result = await session.execute(CHANGE.returning(User.id))
    return {"ids": sorted(row.id for row in result)}


@wrong
async def first_then_all(session: AsyncSession) -> dict[str, list[int]]:
    """call first(), then all()"""
    result = await session.scalars(READ)
    first = result.first()
    return {"ids": [*result.all()], "first": [first or 0]}


@right
async def all_once(session: AsyncSession) -> dict[str, list[int]]:
    """call all(), then take the first row of the list"""
    ids = (await session.scalars(READ)).all()
    return {"ids": [*ids], "first": [ids[0]]}


def check(
    update_without_returning: Observation,
    update_returning: Observation,
    first_then_all: Observation,
    all_once: Observation,
) -> None:
    assert isinstance(update_without_returning.error, ResourceClosedError)
    assert isinstance(first_then_all.error, ResourceClosedError)
    assert update_returning.value == {"ids": [1, 2, 3]}
    assert all_once.value == {"ids": [1, 2, 3], "first": [1]}


main = main_of(__name__)
