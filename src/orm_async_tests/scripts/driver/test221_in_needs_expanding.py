"""`IN :ids` in text() is a syntax error (42601) without bindparam(expanding=True).

A parameter stands for one value, but IN needs a list in parentheses. With
bindparam(expanding=True), SQLAlchemy writes one parameter for every element of the list. The
condition `= ANY(:ids)` needs no bindparam(expanding=True), because an array is one value (test106).

Docs: https://docs.sqlalchemy.org/en/21/core/sqlelement.html#sqlalchemy.sql.expression.bindparam.params.expanding
Symptom: you get an error (SQLSTATE 42601) "syntax error at or near ...$1".
"""

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong

IDS = {"ids": [1, 2]}


@wrong
async def plain(session: AsyncSession) -> dict[str, int | None]:
    """filter by `WHERE id IN :ids`"""
    query = text("SELECT count(*) FROM users WHERE id IN :ids")
    return {"users": await session.scalar(query, IDS)}


@right
async def expanding(session: AsyncSession) -> dict[str, int | None]:
    """filter by `WHERE id IN :ids`, with bindparam(expanding=True)"""
    query = text("SELECT count(*) FROM users WHERE id IN :ids")
    query = query.bindparams(bindparam("ids", expanding=True))
    return {"users": await session.scalar(query, IDS)}


@right
async def array(session: AsyncSession) -> dict[str, int | None]:
    """filter by `WHERE id = ANY(:ids)`"""
    query = text("SELECT count(*) FROM users WHERE id = ANY(:ids)")
    return {"users": await session.scalar(query, IDS)}


def check(plain: Observation, expanding: Observation, array: Observation) -> None:
    assert plain.sqlstate == "42601"
    assert expanding.value == array.value == {"users": 2}


main = main_of(__name__)
