"""`:number::int` in text() is a syntax error (42601): write CAST(:number AS int).

In text(), a colon and a name mark a parameter, unless another colon directly precedes or follows
them. In `:number::int`, text() finds no parameter, and PostgreSQL receives all three colons. Write
CAST in text(), or use SQLAlchemy's cast().

Docs: https://docs.sqlalchemy.org/en/21/core/sqlelement.html#sqlalchemy.sql.expression.text
Symptom: you get an error (SQLSTATE 42601) "syntax error at or near ...:".
"""

from sqlalchemy import Integer, cast, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong


@wrong
async def double_colon(session: AsyncSession) -> dict[str, int | None]:
    """execute `SELECT :number::int`"""
    query = text("SELECT :number::int")
    return {"number": await session.scalar(query, {"number": 42})}


@right
async def sql_cast(session: AsyncSession) -> dict[str, int | None]:
    """execute `SELECT CAST(:number AS int)`"""
    query = text("SELECT CAST(:number AS int)")
    return {"number": await session.scalar(query, {"number": 42})}


@right
async def sqlalchemy_cast(session: AsyncSession) -> dict[str, int | None]:
    """execute select(cast(literal(42), Integer))"""
    return {"number": await session.scalar(select(cast(literal(42), Integer)))}


def check(double_colon: Observation, sql_cast: Observation, sqlalchemy_cast: Observation) -> None:
    assert double_colon.sqlstate == "42601"
    assert sql_cast.value == sqlalchemy_cast.value == {"number": 42}


main = main_of(__name__)
