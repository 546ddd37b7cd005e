"""A user's tests, in which a fixture leaks a session and a later test collects garbage."""

import gc
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from tests.pytest_plugin.suites.owners import Owner


@pytest_asyncio.fixture
async def open_session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    session = AsyncSession(engine)
    await session.scalars(select(Owner))
    yield session


@pytest.mark.asyncio
async def test_leak(open_session: AsyncSession) -> None:
    assert open_session.in_transaction()


def test_afterwards() -> None:
    gc.collect()
