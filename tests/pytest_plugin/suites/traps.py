"""A user's tests, each with one of the traps, and the kind of finding that it is to get."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import ForeignKey, event, select, text
from sqlalchemy.exc import InvalidRequestError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

RUNNER = os.environ["RUNNER"]
pytestmark = getattr(pytest.mark, RUNNER)
URL = os.environ["URL"]
ONE = text("SELECT 1")
kept: list[Any] = []


class Base(DeclarativeBase):
    pass


class Owner(Base):
    __tablename__ = "owners"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    pets: Mapped[list["Pet"]] = relationship()


class Pet(Base):
    __tablename__ = "pets"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("owners.id"))


async def _made() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(URL)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session, session.begin():
        session.add(Owner(name="one"))
    yield engine
    await engine.dispose()


if RUNNER == "asyncio":
    import pytest_asyncio

    engine = pytest_asyncio.fixture(_made, name="engine")
else:
    engine = pytest.fixture(_made, name="engine")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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
        await asyncio.gather(
            session.execute(ONE), session.execute(ONE), return_exceptions=True
        )


async def test_two_tasks_that_flush(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        session.add(Owner(name="two"))
        found = await asyncio.gather(session.flush(), session.flush(), return_exceptions=True)
    assert isinstance(found[1], InvalidRequestError)


async def test_two_tasks_that_commit(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        session.add(Owner(name="two"))
        found = await asyncio.gather(session.commit(), session.commit(), return_exceptions=True)
    assert isinstance(found[1], InvalidRequestError)


async def test_two_tasks_of_a_connection(engine: AsyncEngine) -> None:
    async def ask() -> None:
        await connection.execute(ONE)

    async with engine.connect() as connection:
        await connection.execute(ONE)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ask())
            tasks.create_task(ask())


async def test_two_tasks_and_one_leaves(engine: AsyncEngine) -> None:
    waiting = []
    with suppress(SQLAlchemyError):
        async with engine.connect() as connection:
            await connection.execute(ONE)
            sent = asyncio.Event()
            event.listen(
                connection.sync_connection, "before_cursor_execute", lambda *_: sent.set()
            )
            waiting.append(asyncio.create_task(connection.execute(ONE)))
            await sent.wait()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_engine(engine: AsyncEngine) -> None:
    other = create_async_engine(URL)
    async with other.connect() as connection:
        await connection.execute(ONE)
    kept.append(other)


async def test_loop(engine: AsyncEngine) -> None:
    async def ask() -> None:
        async with AsyncSession(engine) as session:
            await session.scalars(select(Owner))

    await ask()
    with suppress(Exception):
        await asyncio.to_thread(asyncio.run, ask())
