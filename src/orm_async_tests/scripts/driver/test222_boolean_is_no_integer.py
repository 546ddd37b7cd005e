"""Comparing a boolean column with 1 is an error on PostgreSQL (42883): compare it with True.

PostgreSQL cannot compare a boolean with an integer, or a uuid with text, without a cast. Code that
compares a boolean with 1 works on SQLite and MySQL, but fails on PostgreSQL. Compare a column with
a value of its Python type, or cast one side of the comparison.

Docs: https://www.postgresql.org/docs/current/datatype-boolean.html
Symptom: you get an error (SQLSTATE 42883) "operator does not exist: integer = boolean".
"""

from sqlalchemy import Boolean, Integer, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

IS_FIRST = User.id == 1


@wrong
async def integer(session: AsyncSession) -> dict[str, int | None]:
    """compare a boolean column with the integer 1"""
    query = select(func.count(User.id)).where(literal(1, Integer) == IS_FIRST)
    return {"users": await session.scalar(query)}


@right
async def boolean(session: AsyncSession) -> dict[str, int | None]:
    """compare a boolean column with True"""
    query = select(func.count(User.id)).where(literal(True, Boolean) == IS_FIRST)
    return {"users": await session.scalar(query)}


@right
async def converted(session: AsyncSession) -> dict[str, int | None]:
    """compare a boolean column with CAST(1 AS boolean)"""
    query = select(func.count(User.id)).where(cast(literal(1, Integer), Boolean) == IS_FIRST)
    return {"users": await session.scalar(query)}


def check(integer: Observation, boolean: Observation, converted: Observation) -> None:
    assert integer.sqlstate == "42883"
    assert boolean.value == converted.value == {"users": 1}


main = main_of(__name__)
