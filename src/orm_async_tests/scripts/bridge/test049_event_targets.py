"""Event listeners work on sync_engine and sync_session, but not on AsyncEngine and AsyncSession.

Calling event.listen() on an AsyncEngine or an AsyncSession raises NotImplementedError. An
AsyncEngine contains a synchronous Engine, and an AsyncSession contains a synchronous Session. Pass
engine.sync_engine or session.sync_session to event.listen().

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-events-with-the-asyncio-extension
Symptom: you get NotImplementedError "asynchronous events are not implemented".
"""

from typing import Any

from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"


@wrong
async def on_async_engine(engine: AsyncEngine) -> None:
    """call listen(engine, "before_cursor_execute")"""
    event.listen(engine, "before_cursor_execute", print)


@wrong
async def on_async_session(session: AsyncSession) -> None:
    """call listen(session, "before_flush")"""
    event.listen(session, "before_flush", print)


@right
async def on_sync_objects(engine: AsyncEngine, session: AsyncSession) -> list[str]:
    """listen on engine.sync_engine and on session.sync_session"""
    heard: list[str] = []

    def statement(*_: Any) -> None:
        heard.append("statement")

    def flush(*_: Any) -> None:
        heard.append("flush")

    event.listen(engine.sync_engine, "before_cursor_execute", statement)
    event.listen(session.sync_session, "before_flush", flush)
    session.add(User(username="new"))
    await session.flush()
    await session.execute(select(User))
    return heard


def check(
    on_async_engine: Observation, on_async_session: Observation, on_sync_objects: Observation
) -> None:
    assert isinstance(on_async_engine.error, NotImplementedError)
    assert isinstance(on_async_session.error, NotImplementedError)
    assert on_sync_objects.value == ["flush", "statement", "statement"]


main = main_of(__name__)
