"""A user's tests with one misuse each. A test's name begins with the kind of finding."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import InvalidRequestError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from tests.pytest_plugin.suites.owners import ONE, RUNNER, URL, Owner

pytestmark = getattr(pytest.mark, RUNNER)
kept: list[Any] = []


async def test_connection_abandoned(engine: AsyncEngine) -> None:
    session = AsyncSession(engine)
    await session.execute(ONE)


async def test_connection_abandoned_and_collected(engine: AsyncEngine) -> None:
    session = AsyncSession(engine)
    await session.execute(ONE)
    del session
    with pytest.warns(match="garbage collector"):
        gc.collect()


async def test_connection_not_closed(engine: AsyncEngine) -> None:
    connection = await engine.connect()
    await connection.execute(ONE)
    await connection.commit()
    kept.append(connection)


async def test_connection_raw(engine: AsyncEngine) -> None:
    kept.append(await engine.raw_connection())


async def test_transaction_of_a_session(engine: AsyncEngine) -> None:
    session = AsyncSession(engine)
    await session.execute(ONE)
    kept.append(session)


async def test_transaction_of_a_connection(engine: AsyncEngine) -> None:
    connection = await engine.connect()
    await connection.execute(ONE)
    kept.append(connection)


async def test_two_tasks_of_a_warm_session(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(ONE)
        await asyncio.gather(session.execute(ONE), session.execute(ONE))


async def test_two_tasks_of_a_cold_session(engine: AsyncEngine) -> None:
    await engine.dispose()
    async with AsyncSession(engine) as session:
        await asyncio.gather(session.execute(ONE), session.execute(ONE), return_exceptions=True)


async def test_two_tasks_that_flush(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        session.add(Owner(name="two"))
        results = await asyncio.gather(session.flush(), session.flush(), return_exceptions=True)
    assert isinstance(results[1], InvalidRequestError)


async def test_two_tasks_that_commit(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        session.add(Owner(name="two"))
        results = await asyncio.gather(session.commit(), session.commit(), return_exceptions=True)
    assert isinstance(results[1], InvalidRequestError)


async def test_two_tasks_of_a_connection(engine: AsyncEngine) -> None:
    async def select_one() -> None:
        await connection.execute(ONE)

    async with engine.connect() as connection:
        await connection.execute(ONE)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(select_one())
            tasks.create_task(select_one())


async def test_two_tasks_and_one_leaves(engine: AsyncEngine) -> None:
    waiting = []
    with suppress(SQLAlchemyError):
        async with engine.connect() as connection:
            await connection.execute(ONE)
            sent = asyncio.Event()
            event.listen(connection.sync_connection, "before_cursor_execute", lambda *_: sent.set())
            waiting.append(asyncio.create_task(connection.execute(ONE)))
            await sent.wait()
    await asyncio.gather(*waiting, return_exceptions=True)


async def open_session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    with suppress(SQLAlchemyError):  # AnyIO's plugin would fail the test for it
        async with AsyncSession(engine) as session:  # the generator is closed here
            yield session


async def test_two_tasks_of_a_dropped_generator(engine: AsyncEngine) -> None:
    await engine.dispose()
    session = await anext(open_session(engine))
    with suppress(SQLAlchemyError):
        await session.execute(ONE)
    await session.close()


async def test_engine(engine: AsyncEngine) -> None:
    other = create_async_engine(URL)
    async with other.connect() as connection:
        await connection.execute(ONE)
    kept.append(other)


def test_loop() -> None:
    engine = create_async_engine(URL)

    async def select_one() -> None:
        async with engine.connect() as connection:
            await connection.execute(ONE)

    async def select_one_and_dispose() -> None:
        with suppress(Exception):  # every driver raises a class of its own
            await select_one()
        await engine.dispose()

    asyncio.run(select_one())
    asyncio.run(select_one_and_dispose())
