"""PostgreSQL cannot tell the type of `:name` in `:name IS NULL`: write CAST(:name AS text).

PostgreSQL derives the type of a parameter from its first use in the statement. IS NULL, concat()
and jsonb_build_object() accept any type, so PostgreSQL cannot derive a parameter's type from them.
Give the parameter a type with CAST in SQL, or with bindparam() in Python.

Docs: https://docs.sqlalchemy.org/en/21/core/sqlelement.html#sqlalchemy.sql.expression.TextClause.bindparams
Symptom: you get ProgrammingError (SQLSTATE 42P18) "could not determine data type of parameter".
Symptom: you get ProgrammingError (SQLSTATE 42P08) "could not determine data type of parameter".
"""

from sqlalchemy import String, bindparam, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

OPTIONAL = "SELECT username FROM users WHERE :name IS NULL OR username = :name"
TYPED = "SELECT username FROM users WHERE CAST(:name AS text) IS NULL OR username = :name"
GUIDE = {"name": "username-1"}


@wrong
async def filter_untyped(session: AsyncSession) -> list[str]:
    """filter in text() by `:name IS NULL OR username = :name`"""
    return list(await session.scalars(text(OPTIONAL), GUIDE))


@wrong
async def function_untyped(session: AsyncSession) -> list[str]:
    """execute text("SELECT concat(:name, '!')")"""
    return list(await session.scalars(text("SELECT concat(:name, '!')"), GUIDE))


@right
async def cast_in_sql(session: AsyncSession) -> list[str]:
    """filter in text() by `CAST(:name AS text) IS NULL OR username = :name`"""
    return list(await session.scalars(text(TYPED), GUIDE))


@right
async def bound_with_a_type(session: AsyncSession) -> list[str]:
    """execute text().bindparams(bindparam("name", type_=String))"""
    typed = text(OPTIONAL).bindparams(bindparam("name", type_=String))
    return list(await session.scalars(typed, GUIDE))


@right
async def columns(session: AsyncSession) -> list[str]:
    """execute select().where(or_(parameter.is_(None), User.username == parameter))"""
    name = bindparam("name", type_=String)
    query = select(User.username).where(or_(name.is_(None), User.username == name))
    return list(await session.scalars(query, GUIDE))


def check(
    filter_untyped: Observation,
    function_untyped: Observation,
    cast_in_sql: Observation,
    bound_with_a_type: Observation,
    columns: Observation,
) -> None:
    assert filter_untyped.sqlstate == "42P08"
    assert function_untyped.sqlstate == "42P18"
    assert cast_in_sql.value == bound_with_a_type.value == columns.value == ["username-1"]


main = main_of(__name__)
