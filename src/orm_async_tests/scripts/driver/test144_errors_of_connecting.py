"""connect() raises DBAPIError if the server reports an error, but OSError if no server answers.

For an unknown database or a wrong password, the server answers with an SQLSTATE, and SQLAlchemy
raises a DBAPIError. Before SQLAlchemy 2.1, connect() raised asyncpg's own errors. If no server
answers, asyncpg raises the built-in OSError. Code that waits for a server to start must catch both
DBAPIError and OSError.

Docs: https://docs.sqlalchemy.org/en/21/changelog/migration_21.html
Symptom: you get FileNotFoundError "No such file or directory" with "asyncpg/connect_utils.py" in
the traceback.
Symptom: you get an error (SQLSTATE 3D000) "database ... does not exist".
"""

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong

SINCE = "2.1"
ONLY = "asyncpg"


async def can_connect(engine: AsyncEngine) -> bool:
    async with engine.connect():
        return True


@wrong
async def catch_one(make_engine: MakeEngine, url: URL) -> dict[str, bool]:
    """connect to an address without a server, and catch DBAPIError"""
    nowhere = make_engine(url.set(query={"host": "/nowhere"}))
    try:
        return {"connected": await can_connect(nowhere)}
    except DBAPIError:
        return {"connected": False}


@right
async def catch_both(make_engine: MakeEngine, url: URL) -> dict[str, object]:
    """connect to a missing server and to a missing database, and catch DBAPIError and OSError"""
    nowhere = make_engine(url.set(query={"host": "/nowhere"}))
    unknown = make_engine(url.set(database="no_such_database"))
    try:
        there = await can_connect(nowhere)
    except (DBAPIError, OSError):
        there = False
    try:
        return {"connected": there, "refused with": await can_connect(unknown)}
    except (DBAPIError, OSError) as error:
        return {
            "connected": there,
            "refused with": getattr(getattr(error, "orig", None), "sqlstate", None),
        }


def check(catch_one: Observation, catch_both: Observation) -> None:
    assert isinstance(catch_one.error, OSError)
    assert catch_both.value == {"connected": False, "refused with": "3D000"}


main = main_of(__name__)
