"""An `async def` event listener never runs, and you get only a warning.

SQLAlchemy calls a listener synchronously and drops the coroutine that the listener returns. Write a
listener with `def` instead of `async def`. A listener can execute SQL without `await` (test121).

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-events-with-the-asyncio-extension
"""

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"


@wrong(warns=True)
async def async_def(session: AsyncSession) -> list[str]:
    """register an `async def` as a listener of before_flush"""
    heard: list[str] = []

    async def listener(*_: object) -> None:
        heard.append("flush")

    event.listen(session.sync_session, "before_flush", listener)
    session.add(User(username="guide"))
    await session.flush()
    return heard


@right
async def plain_def(session: AsyncSession) -> list[str]:
    """register a plain `def` as a listener of before_flush"""
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
