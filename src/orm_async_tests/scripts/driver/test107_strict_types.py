"""asyncpg does not convert text to an integer or a date, and raises DBAPIError (SQLSTATE 22000).

The driver asyncpg sends values in binary, so every value must have the Python type of its
parameter. Unlike psycopg, asyncpg does not convert text. Convert text to the right Python type
where it enters your program.

Docs: https://magicstack.github.io/asyncpg/current/usage.html#type-conversion
Symptom: you get an error (SQLSTATE 22000) "invalid input for query argument".
"""

from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong

ONLY = "asyncpg"
NUMBER = text("SELECT CAST(:value AS integer) + 1")
DAY = text("SELECT CAST(:value AS date) + 1")


@wrong
async def text_for_a_number(session: AsyncSession) -> object:
    """pass the text '1' as an integer parameter"""
    return await session.scalar(NUMBER, {"value": "1"})


@wrong
async def text_for_a_date(session: AsyncSession) -> object:
    """pass the text '2010-10-03' as a date parameter"""
    return await session.scalar(DAY, {"value": "2010-10-03"})


@right
async def python_types(session: AsyncSession) -> dict[str, object]:
    """pass an int as an integer parameter, and a date as a date parameter"""
    number = await session.scalar(NUMBER, {"value": 1})
    return {"number": number, "day": await session.scalar(DAY, {"value": date(2010, 10, 3)})}


def check(
    text_for_a_number: Observation, text_for_a_date: Observation, python_types: Observation
) -> None:
    for refused in (text_for_a_number, text_for_a_date):
        assert type(refused.error).__name__ == "DBAPIError"
        assert refused.sqlstate == "22000"
    assert python_types.value == {"number": 2, "day": date(2010, 10, 4)}


main = main_of(__name__)
