"""Await execute() once, but do not await the methods of its result.

The result of execute() or scalars() already contains all rows, so you call all() and first()
without await. Awaiting the list that all() returns raises TypeError. If you forget to await
execute(), you call all() on a coroutine, which raises AttributeError. Only the result of stream()
has methods to await.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncSession.scalars
Symptom: you get TypeError "can't be used in 'await' expression".
Symptom: you get AttributeError "'coroutine' object has no attribute".
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

USERS = select(User)


@wrong
async def awaited_twice(session: Any) -> dict[str, int]:  # Any hides the mistake
    """run `await (await session.scalars(...)).all()`"""
    users = await (await session.scalars(USERS)).all()
    return {"users": len(users)}


@wrong(warns=True)
async def never_awaited(session: Any) -> dict[str, object]:
    """run `session.scalars(...).all()`"""
    try:
        users = session.scalars(USERS).all()
    except AttributeError as error:  # deleting it makes Python warn
        return {"raised": type(error).__name__}
    return {"users": len(users)}


@right
async def awaited_once(session: AsyncSession) -> dict[str, int]:
    """run `(await session.scalars(...)).all()`"""
    users = (await session.scalars(USERS)).all()
    return {"users": len(users)}


@right
async def streamed(session: AsyncSession) -> dict[str, int]:
    """run `await (await session.stream_scalars(...)).all()`"""
    users = await (await session.stream_scalars(USERS)).all()
    return {"users": len(users)}


def check(
    awaited_twice: Observation,
    never_awaited: Observation,
    awaited_once: Observation,
    streamed: Observation,
) -> None:
    assert isinstance(awaited_twice.error, TypeError)
    assert len(awaited_twice.sql) == 1
    assert never_awaited.value == {"raised": "AttributeError"}
    assert never_awaited.warnings == ["RuntimeWarning"]
    assert never_awaited.sql == []
    assert awaited_once.value == streamed.value == {"users": 3}


main = main_of(__name__)
