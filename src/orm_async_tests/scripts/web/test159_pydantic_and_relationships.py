"""Pydantic fails if it reads a relationship that is not loaded.

With from_attributes=True, Pydantic reads the attributes of the object, and reading an unloaded
relationship raises MissingGreenlet. Pydantic raises a ValidationError with the text "Error
extracting attribute", which hides the cause. Load every attribute that the Pydantic model reads.

Docs: https://docs.pydantic.dev/latest/concepts/models/#arbitrary-class-instances
Symptom: you get ValidationError "Error extracting attribute: ...".
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

FIRST = select(User).where(User.id == 1)


def to_dictionary(user: User) -> Any:
    from pydantic import BaseModel, ConfigDict, ValidationError

    class PointOut(BaseModel):
        model_config = ConfigDict(from_attributes=True)
        lat: float

    class UserOut(BaseModel):
        model_config = ConfigDict(from_attributes=True)
        username: str
        points: list[PointOut]

    try:
        return UserOut.model_validate(user).model_dump()
    except ValidationError as error:
        return {"errors": [(detail["type"], *detail["loc"]) for detail in error.errors()]}


@wrong
async def not_loaded(session: AsyncSession) -> Any:
    """validate a user whose points are not loaded"""
    return to_dictionary((await session.scalars(FIRST)).one())


@right
async def loaded(session: AsyncSession) -> Any:
    """validate a user whose points are loaded with selectinload()"""
    return to_dictionary((await session.scalars(FIRST.options(selectinload(User.points)))).one())


def check(not_loaded: Observation, loaded: Observation) -> None:
    assert not_loaded.value == {"errors": [("get_attribute_error", "points")]}
    assert loaded.value == {"username": "username-1", "points": [{"lat": 46.0}, {"lat": 46.0}]}


main = main_of(__name__)
