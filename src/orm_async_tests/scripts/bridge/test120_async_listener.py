"""An `async def` listener of an event never runs, and only a warning says so.

SQLAlchemy's synchronous core calls the listener and drops the coroutine that it returns. Write
plain functions: the core awaits the SQL that they execute (test121).

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-events-with-the-asyncio-extension
"""

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"


@wrong(warns=True)
async def async_def(session: AsyncSession) -> list[str]:
    """listen to before_flush with an `async def`"""
    heard: list[str] = []

    async def listener(*_: object) -> None:
        heard.append("flush")

    event.listen(session.sync_session, "before_flush", listener)
    session.add(User(username="guide"))
    await session.flush()
    return heard


@right
async def plain_def(session: AsyncSession) -> list[str]:
    """listen to before_flush with a `def`"""
    heard: list[str] = []

    def listener(*_: object) -> None:
        heard.append("flush")

    event.listen(session.sync_session, "before_flush", listener)
    session.add(User(username="guide"))
    await session.flush()
    return heard


def check(async_def: Observation, plain_def: Observation) -> None:
    assert async_def.value == []
    assert async_def.warnings == ["RuntimeWarning"]
    assert plain_def.value == ["flush"]


main = main_of(__name__)
