"""A user's tests that meet MissingGreenlet: what is to be said of it stands at the line to name."""

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from tests.pytest_plugin.suites.owners import RUNNER, Owner, Pet

pytestmark = getattr(pytest.mark, RUNNER)


async def test_a_relationship(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        owner = (await session.scalars(select(Owner))).one()  # Owner.pets was never loaded
        assert owner.pets


async def test_a_collection_that_is_appended_to(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        owner = await session.get_one(Owner, 1)  # Owner.pets was never loaded
        owner.pets.append(Pet())


async def test_a_backref(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session, session.begin():
        session.add(Pet(owner_id=1))
    async with AsyncSession(engine) as session:
        pet = await session.scalar(select(Pet))  # Pet.owner was never loaded
        assert pet is not None
        assert pet.owner


async def test_a_deferred_column(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        owner = (await session.execute(select(Owner))).scalar_one()  # Owner.note was never loaded
        await session.scalars(select(Pet))
        assert owner.note


async def test_after_a_flush(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        owner = Owner(name="new")
        session.add(owner)
        await session.commit()  # Owner.name was expired
        assert owner.name


async def test_after_a_rollback(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session, AsyncSession(engine) as other:
        owner = (await session.scalars(select(Owner))).one()  # Owner.name was expired
        await other.scalars(select(Owner))
        await session.rollback()
        assert owner.name


async def test_after_a_refresh(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        owner = (await session.scalars(select(Owner))).one()
        await session.refresh(owner)  # Owner.pets was never loaded
        assert owner.pets
