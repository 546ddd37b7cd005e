"""A user's tests that meet MissingGreenlet."""

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from tests.pytest_plugin.suites.owners import RUNNER, Owner

pytestmark = getattr(pytest.mark, RUNNER)


async def test_never_loaded(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        owner = (await session.scalars(select(Owner))).one()  # loads it
        assert owner.pets


async def test_expired(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        owner = Owner(name="new")
        session.add(owner)
        await session.commit()  # flushes it
        assert owner.name
