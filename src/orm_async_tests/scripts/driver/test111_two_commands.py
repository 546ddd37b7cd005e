"""On asyncpg, two commands in one text() are a syntax error (42601).

On asyncpg, SQLAlchemy prepares every statement, and a prepared statement can contain only one
command. Execute every command in its own text(). To send several commands in one string without
parameters, call execute() of the asyncpg connection.

Docs: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
Docs: https://magicstack.github.io/asyncpg/current/api/index.html#asyncpg.connection.Connection.execute
Symptom: you get an error (SQLSTATE 42601)
"cannot insert multiple commands into a prepared statement".
"""

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ONLY = "asyncpg"
COMMANDS = ("DELETE FROM track_points", "DELETE FROM users")


@wrong
async def both_in_one_text(session: AsyncSession) -> None:
    """execute one text() with two commands"""
    await session.execute(text("; ".join(COMMANDS)))


@right
async def one_by_one(session: AsyncSession) -> dict[str, int | None]:
    """execute one text() for every command"""
    for command in COMMANDS:
        await session.execute(text(command))
    return {"remaining users": await session.scalar(select(func.count(User.id)))}


@right
async def by_the_driver(session: AsyncSession) -> dict[str, int | None]:
    """pass two commands in one string to execute() of the asyncpg connection"""
    raw = await (await session.connection()).get_raw_connection()
    driver = raw.driver_connection
    assert driver is not None
    await driver.execute("; ".join(COMMANDS))
    return {"remaining users": await session.scalar(select(func.count(User.id)))}


def check(
    both_in_one_text: Observation, one_by_one: Observation, by_the_driver: Observation
) -> None:
    assert both_in_one_text.sqlstate == "42601"
    assert one_by_one.value == by_the_driver.value == {"remaining users": 0}


main = main_of(__name__)
