"""SQLAlchemy does not wrap asyncpg's error if a connection is lost before its first statement.

After asyncpg has connected, SQLAlchemy sets up the connection, for example its JSON codecs. If the
server dies while SQLAlchemy sets up the connection, `except DBAPIError` does not catch the error.
If your code retries after an error, catch asyncpg's errors as well as DBAPIError.

Docs: https://docs.sqlalchemy.org/en/21/core/events.html#sqlalchemy.events.DialectEvents.do_connect
Symptom: you get InterfaceError "connection is closed".
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
    connection.driver_connection.terminate()  # as if the server had died
    return connection


@wrong
async def catch_dbapi_error(make_engine: MakeEngine) -> dict[str, object]:
    """lose a connection during its set-up, and retry after a DBAPIError"""
    engine = make_engine()
    event.listen(engine.sync_engine, "do_connect", connect_and_lose, once=True)
    try:
        async with engine.connect() as connection:
            return {"answer": await connection.scalar(ANSWER)}
    except DBAPIError:
        async with engine.connect() as connection:
            return {"answer": await connection.scalar(ANSWER)}


@right
async def catch_drivers_errors(make_engine: MakeEngine) -> dict[str, object]:
    """lose a connection during its set-up, and retry after a DBAPIError or an asyncpg error"""
    engine = make_engine()
    event.listen(engine.sync_engine, "do_connect", connect_and_lose, once=True)
    try:
        async with engine.connect() as connection:
            return {"answer": await connection.scalar(ANSWER)}
    except (DBAPIError, asyncpg.InterfaceError, asyncpg.PostgresError):
        async with engine.connect() as connection:
            return {"answer": await connection.scalar(ANSWER)}


def check(catch_dbapi_error: Observation, catch_drivers_errors: Observation) -> None:
    assert isinstance(catch_dbapi_error.error, asyncpg.InterfaceError)
    assert catch_drivers_errors.value == {"answer": 42}


main = main_of(__name__)
