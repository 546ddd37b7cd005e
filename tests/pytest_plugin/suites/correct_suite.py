"""A user's tests with correct code that looks like misuse of async SQLAlchemy."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import NullPool, event, select
from sqlalchemy.exc import DisconnectionError, SAWarning
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import selectinload

from tests.pytest_plugin.suites.owners import ONE, RUNNER, URL, Owner, Pet

pytestmark = getattr(pytest.mark, RUNNER)


async def test_a_session_of_a_fixture(session: AsyncSession) -> None:
    owner = (await session.scalars(select(Owner).options(selectinload(Owner.pets)))).one()
    assert owner.pets == []


async def test_a_session_for_each_task(engine: AsyncEngine) -> None:
    async def select_one() -> None:
        async with AsyncSession(engine) as session:
            await session.execute(ONE)

    await asyncio.gather(select_one(), select_one(), select_one())


async def test_tasks_one_after_the_other(session: AsyncSession) -> None:
    await asyncio.create_task(session.execute(ONE))
    await asyncio.wait_for(session.execute(ONE), 10)
    lock = asyncio.Lock()

    async def select_one() -> None:
        async with lock:
            await session.execute(ONE)

    await asyncio.gather(select_one(), select_one())


async def test_a_timeout(session: AsyncSession) -> None:
    await session.execute(ONE)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await session.execute(ONE)
        await session.rollback()
        await asyncio.create_task(session.execute(ONE))


async def test_a_task_group_inside(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(connection.execute(ONE))
        await connection.commit()
        await connection.execute(ONE)


async def test_close_by_hand(engine: AsyncEngine) -> None:
    session = AsyncSession(engine)
    await session.execute(ONE)
    await session.commit()
    await session.execute(ONE)
    await session.close()


async def test_a_warning_names_the_line_of_the_user(session: AsyncSession) -> None:
    product = select(Owner, Pet)  # the cartesian product of two tables
    with pytest.warns(SAWarning) as warnings:
        await session.run_sync(lambda sync_session: sync_session.execute(product))
    assert [warning.filename for warning in warnings] == [__file__]


async def test_two_sessions_with_one_connection() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")  # its pool is a StaticPool
    async with AsyncSession(engine) as first, AsyncSession(engine) as second:
        await first.execute(ONE)
        await second.execute(ONE)
    async with AsyncSession(engine) as third:
        await third.execute(ONE)
    await engine.dispose()


async def test_an_engine_that_is_disposed() -> None:
    engine = create_async_engine(URL)
    async with engine.connect() as connection:
        await connection.execute(ONE)
    await engine.dispose()


async def test_an_engine_without_pool_in_two_loops() -> None:
    engine = create_async_engine(URL, poolclass=NullPool)

    async def select_one() -> None:
        async with engine.connect() as connection:
            await connection.execute(ONE)

    await select_one()
    await asyncio.to_thread(asyncio.run, select_one())


async def test_a_connection_that_a_listener_refuses(engine: AsyncEngine) -> None:
    opened = list[object]()

    @event.listens_for(engine.sync_engine, "checkout")
    def refuse_the_first(connection: object, *_: object) -> None:
        opened.append(connection)
        if len(opened) == 1:
            raise DisconnectionError

    async with engine.connect() as connection:
        await connection.execute(ONE)
    assert len(set(opened)) == 2


async def test_run_sync(session: AsyncSession) -> None:
    names = await session.run_sync(
        lambda inner: [owner.pets for owner in inner.scalars(select(Owner))]
    )
    assert names == [[]]


async def test_a_stream(session: AsyncSession) -> None:
    async for owner in await session.stream_scalars(select(Owner).execution_options(yield_per=1)):
        assert owner.name == "one"


Kept = Callable[[], None]


@pytest.fixture(scope="module")
def keep() -> Iterator[Kept]:
    """Run a server in a thread. The yielded function makes the server keep a connection."""
    loop, engine, kept = asyncio.new_event_loop(), create_async_engine(URL), AsyncExitStack()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def take() -> None:
        await kept.enter_async_context(engine.connect())

    async def stop() -> None:
        await kept.aclose()
        await engine.dispose()
        loop.stop()

    yield lambda: asyncio.run_coroutine_threadsafe(take(), loop).result()
    asyncio.run_coroutine_threadsafe(stop(), loop)
    thread.join()
    loop.close()


def test_a_server_that_keeps_a_connection_longer_than_the_test(keep: Kept) -> None:
    keep()


Shared = tuple[asyncio.Runner, AsyncEngine]


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    engine = create_async_engine(URL)
    with asyncio.Runner() as runner:
        yield runner, engine
        runner.run(engine.dispose())


async def _select_one(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(ONE)


def test_a_shared_engine(shared: Shared) -> None:
    runner, engine = shared
    runner.run(_select_one(engine))


def test_a_shared_engine_again(shared: Shared) -> None:
    runner, engine = shared
    runner.run(_select_one(engine))
