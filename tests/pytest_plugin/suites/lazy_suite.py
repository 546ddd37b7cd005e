"""A user's tests that raise MissingGreenlet. Comments mark the line that the note must name."""

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, TypeAdapter
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


class PetModel(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int


class OwnerModel(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    name: str
    pets: list[PetModel]


async def test_a_pydantic_model_of_a_relationship(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        owner = (await session.scalars(select(Owner))).one()  # Owner.pets was never loaded
        TypeAdapter(list[OwnerModel]).validate_python([owner, owner])  # one note for two errors


async def test_a_pydantic_model_of_an_expired_column(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        pet = Pet(owner_id=1)
        session.add(pet)
        await session.commit()  # Pet.id was expired
        PetModel.model_validate(pet)


async def test_a_response_model(engine: AsyncEngine) -> None:
    app = FastAPI()
    async with AsyncSession(engine) as session:

        @app.get("/", response_model=OwnerModel)
        async def read_owner() -> Owner:
            return (await session.scalars(select(Owner))).one()  # Owner.pets was never loaded

        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await client.get("/")
