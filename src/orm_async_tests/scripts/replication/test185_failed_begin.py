"""A standby refuses SERIALIZABLE, and on asyncpg that spoils the connection.

A hot standby refuses this level in BEGIN itself. asyncpg then still takes the transaction for
begun, and SQLAlchemy gives the connection back to the pool as if it were clean: each later use is
refused before anything is sent, until the connection is replaced. On a standby ask for REPEATABLE
READ, which is the highest level that it has.

Symptom: asyncpg: 0A000 "cannot use serializable mode in a hot standby"
Symptom: asyncpg: InterfaceError "nested transaction has a different isolation level"
Docs: https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-CAVEATS
"""

from sqlalchemy import URL, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Seen, Upstream, main_of, right, wrong
from orm_async_tests.models import User

DEFECT = Upstream(
    "after a refused BEGIN the pooled connection takes its transaction for begun",
    {"asyncpg": ">=0.30,<0.33"},
    "https://github.com/MagicStack/asyncpg/blob/v0.30.0/asyncpg/transaction.py",
)
USERS = select(func.count(User.id))


async def read(engine: AsyncEngine) -> int | None:
    async with engine.connect() as connection:
        return await connection.scalar(USERS)


async def outcomes(engine: AsyncEngine, level: str) -> dict[str, object]:
    found = list[int | str | None]()
    first = engine.execution_options(isolation_level=level)
    for each in (first, engine, engine, engine):
        try:
            found.append(await read(each))
        except DBAPIError as error:
            found.append(getattr(error.orig, "sqlstate", None) or "spoiled")
    return {"at this level": found[0], "the next three": found[1:]}


@wrong
async def serializable(make_engine: MakeEngine, standby_url: URL) -> dict[str, object]:
    """read from the standby at SERIALIZABLE, then three times at the usual level"""
    return await outcomes(make_engine(standby_url, pool_size=1), "SERIALIZABLE")


@right
async def repeatable_read(make_engine: MakeEngine, standby_url: URL) -> dict[str, object]:
    """the same at REPEATABLE READ"""
    return await outcomes(make_engine(standby_url, pool_size=1), "REPEATABLE READ")


def check(serializable: Seen, repeatable_read: Seen) -> None:
    assert repeatable_read.value == {"at this level": 3, "the next three": [3, 3, 3]}
    assert serializable.value["at this level"] == "0A000"
    with DEFECT:
        assert serializable.value["the next three"] == [3, 3, 3]


main = main_of(__name__)
