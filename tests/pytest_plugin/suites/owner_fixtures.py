"""A user's conftest.py: an engine and a session for every test."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from tests.pytest_plugin.suites.owners import RUNNER, URL, Base, Owner


async def _create_engine() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(URL)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session, session.begin():
        session.add(Owner(name="one"))
    yield engine
    await engine.dispose()


async def _open_session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session:
        yield session


if RUNNER == "asyncio":
    import pytest_asyncio

    engine = pytest_asyncio.fixture(_create_engine, name="engine")
    session = pytest_asyncio.fixture(_open_session, name="session")
else:
    engine = pytest.fixture(_create_engine, name="engine")
    session = pytest.fixture(_open_session, name="session")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
