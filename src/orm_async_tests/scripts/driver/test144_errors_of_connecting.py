"""Since 2.1 a refusal to connect is a DBAPIError; no server is still an OSError.

An unknown database or a wrong password arrive with their SQLSTATE in a DBAPIError, as from any
statement; before, asyncpg's own errors came out. A server that is not there is still the builtin
OSError on asyncpg, so code that waits for a server catches both.

Symptom: FileNotFoundError "No such file or directory" in "asyncpg/connect_utils.py"
Symptom: 3D000 "database ... does not exist"
Docs: https://docs.sqlalchemy.org/en/21/changelog/migration_21.html
"""

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong

SINCE = "2.1"
ONLY = "asyncpg"


async def connects(engine: AsyncEngine) -> bool:
    async with engine.connect():
        return True


@wrong
async def catch_one(make_engine: MakeEngine, url: URL) -> dict[str, bool]:
    """connect to a server that is not there; catch DBAPIError"""
    nowhere = make_engine(url.set(query={"host": "/nowhere"}))
    try:
        return {"connected": await connects(nowhere)}
    except DBAPIError:
        return {"connected": False}


@right
async def catch_both(make_engine: MakeEngine, url: URL) -> dict[str, object]:
    """the same, and a database that is not there; catch DBAPIError and OSError"""
    nowhere = make_engine(url.set(query={"host": "/nowhere"}))
    unknown = make_engine(url.set(database="no_such_database"))
    try:
        there = await connects(nowhere)
    except (DBAPIError, OSError):
        there = False
    try:
        return {"connected": there, "refused with": await connects(unknown)}
    except (DBAPIError, OSError) as error:
        return {
            "connected": there,
            "refused with": getattr(getattr(error, "orig", None), "sqlstate", None),
        }


def check(catch_one: Observation, catch_both: Observation) -> None:
    assert isinstance(catch_one.error, OSError)
    assert catch_both.value == {"connected": False, "refused with": "3D000"}


main = main_of(__name__)
