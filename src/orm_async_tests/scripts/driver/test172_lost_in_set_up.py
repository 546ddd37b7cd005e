"""A connection lost before its first statement raises asyncpg's error, unwrapped.

When asyncpg has connected, SQLAlchemy sets the connection up (its JSON codecs, for example), and
what asyncpg raises there comes out as it is: a server that dies at this moment is missed by
`except DBAPIError`. Code that tries again catches the driver's errors beside it.

Symptom: InterfaceError "connection is closed"
Docs: https://docs.sqlalchemy.org/en/21/core/events.html#sqlalchemy.events.DialectEvents.do_connect
"""

from typing import Any

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong

ONLY = "asyncpg"
ANSWER = text("SELECT 42")


def connect_and_lose(dialect: Any, _: Any, args: Any, options: Any) -> Any:
    connection = dialect.connect(*args, **options)
    connection.driver_connection.terminate()  # what a server's death at this moment comes to
    return connection


@wrong
async def sqlalchemys_only(make_engine: MakeEngine) -> dict[str, object]:
    """the first connection is lost at once; try again on DBAPIError"""
    engine = make_engine()
    event.listen(engine.sync_engine, "do_connect", connect_and_lose, once=True)
    try:
        async with engine.connect() as connection:
            return {"answer": await connection.scalar(ANSWER)}
    except DBAPIError:
        async with engine.connect() as connection:
            return {"answer": await connection.scalar(ANSWER)}


@right
async def the_drivers_too(make_engine: MakeEngine) -> dict[str, object]:
    """the same; try again on DBAPIError, asyncpg.InterfaceError and asyncpg.PostgresError"""
    engine = make_engine()
    event.listen(engine.sync_engine, "do_connect", connect_and_lose, once=True)
    try:
        async with engine.connect() as connection:
            return {"answer": await connection.scalar(ANSWER)}
    except (DBAPIError, asyncpg.InterfaceError, asyncpg.PostgresError):
        async with engine.connect() as connection:
            return {"answer": await connection.scalar(ANSWER)}


def check(sqlalchemys_only: Observation, the_drivers_too: Observation) -> None:
    assert isinstance(sqlalchemys_only.error, asyncpg.InterfaceError)
    assert the_drivers_too.value == {"answer": 42}


main = main_of(__name__)
