"""A user's conftest.py: an engine and a session for each test."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from tests.pytest_plugin.suites.owners import RUNNER, URL, Base, Owner


async def _made() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(URL)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session, session.begin():
        session.add(Owner(name="one"))
    yield engine
    await engine.dispose()


async def _opened(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as opened:
        yield opened


if RUNNER == "asyncio":
    import pytest_asyncio

    engine = pytest_asyncio.fixture(_made, name="engine")
    session = pytest_asyncio.fixture(_opened, name="session")
else:
    engine = pytest.fixture(_made, name="engine")
    session = pytest.fixture(_opened, name="session")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
