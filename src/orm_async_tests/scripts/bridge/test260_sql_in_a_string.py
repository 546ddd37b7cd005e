"""A session and a connection refuse SQL in a plain string: pass text() to execute().

Since SQLAlchemy 2.0, execute() takes no strings. An AsyncSession raises ArgumentError, and an
AsyncConnection raises ObjectNotExecutableError. SQLAlchemy does not send the string to the server.
Also wrap strings in text() that are a part of a statement, for example in where(text("id = 1")).

Docs: https://docs.sqlalchemy.org/en/21/core/connections.html#sqlalchemy.engine.Connection.execute
Symptom: you get ArgumentError "should be explicitly declared as text".
Symptom: you get ObjectNotExecutableError "Not an executable object".
"""

from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import ArgumentError, ObjectNotExecutableError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong

ALSO = "aiosqlite"
SQL = "SELECT 42"


@wrong
async def string_in_session(session: Any) -> dict[str, int]:  # Any hides this from the type checker
    """pass a string to session.execute()"""
    return {"answer": (await session.execute(SQL)).scalar_one()}


@right
async def text_in_session(session: AsyncSession) -> dict[str, int]:
    """pass text() to session.execute()"""
    return {"answer": (await session.execute(text(SQL))).scalar_one()}


@wrong
async def string_in_connection(engine: Any) -> dict[str, int]:
    """pass a string to connection.execute()"""
    async with engine.connect() as connection:
        return {"answer": (await connection.execute(SQL)).scalar_one()}


@right
async def text_in_connection(engine: AsyncEngine) -> dict[str, int]:
    """pass text() to connection.execute()"""
    async with engine.connect() as connection:
        return {"answer": (await connection.execute(text(SQL))).scalar_one()}


def check(
    string_in_session: Observation,
    text_in_session: Observation,
    string_in_connection: Observation,
    text_in_connection: Observation,
) -> None:
    assert isinstance(string_in_session.error, ArgumentError)
    assert isinstance(string_in_connection.error, ObjectNotExecutableError)
    assert text_in_session.value == text_in_connection.value == {"answer": 42}


main = main_of(__name__)
