"""add() begins a transaction without a connection, so begin() after add() is an error.

A session begins its transaction when its state changes, not only at the first statement. After
add(), in_transaction() is true, but the session has no connection. Call begin() before add(), or
call commit() instead of begin().

Docs: https://docs.sqlalchemy.org/en/21/orm/session_basics.html#session-autobegin
Symptom: you get InvalidRequestError "A transaction is already begun on this Session".
"""

from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, checked_out, main_of, right, variant, wrong
from orm_async_tests.models import User


@variant
async def only_added(session: AsyncSession, engine: AsyncEngine) -> dict[str, object]:
    """add an object, then check whether the session has a transaction and a connection"""
    session.add(User(username="walker"))
    return {"in transaction": session.in_transaction(), "connections in use": checked_out(engine)}


@wrong
async def added_first(session: AsyncSession) -> None:
    """call add(), then begin()"""
    session.add(User(username="walker"))
    async with session.begin():
        pass


@right
async def begun_first(session: AsyncSession) -> None:
    """call begin(), then add()"""
    async with session.begin():
        session.add(User(username="walker"))


@right
async def committed(session: AsyncSession) -> None:
    """call add(), then commit()"""
    session.add(User(username="walker"))
    await session.commit()


def check(
    only_added: Observation,
    added_first: Observation,
    begun_first: Observation,
    committed: Observation,
) -> None:
    assert only_added.value == {"in transaction": True, "connections in use": 0}
    assert isinstance(added_first.error, InvalidRequestError)
    assert len(added_first.log) == len(only_added.log) == 0
    assert begun_first.log[-1:] == committed.log[-1:] == ["COMMIT"]


main = main_of(__name__)
