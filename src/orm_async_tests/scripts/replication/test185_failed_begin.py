"""A standby refuses SERIALIZABLE, and on asyncpg that spoils the connection.

A hot standby refuses this level in BEGIN itself. asyncpg then still takes the transaction for
begun, and SQLAlchemy gives the connection back to the pool as if it were clean: each later use is
refused before anything is sent, until the connection is replaced. (SQLAlchemy 2.1.0 to 2.1.3 lost
it, and its slot, until it was garbage.) On a standby ask for REPEATABLE READ, its highest level.

Symptom: asyncpg: 0A000 "cannot use serializable mode in a hot standby"
Symptom: asyncpg: InterfaceError "nested transaction has a different isolation level"
Docs: https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-CAVEATS
"""

from sqlalchemy import URL, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, Upstream, main_of, right, wrong
from orm_async_tests.models import User

DEFECT = Upstream(
    "after a refused BEGIN the pooled connection takes its transaction for begun",
    {"sqlalchemy": ">=2.0,<2.1 or >=2.1.4,<2.2", "asyncpg": ">=0.30,<0.33"},
    "https://github.com/MagicStack/asyncpg/blob/v0.30.0/asyncpg/transaction.py",
    "breaks the pool",
)
USERS = select(func.count(User.id))


async def read(engine: AsyncEngine) -> int | None:
    async with engine.connect() as connection:
        return await connection.scalar(USERS)


async def outcomes(engine: AsyncEngine, level: str) -> dict[str, object]:
    found = list[object]()
    first = engine.execution_options(isolation_level=level)
    for each in (first, engine, engine, engine):
        try:
            found.append(await read(each))
        except DBAPIError:
            found.append("refused")
    return {"at this level": found[0], "the next three": found[1:]}


@wrong(warns=True, unhandled=True)
async def serializable(make_engine: MakeEngine, standby_url: URL) -> dict[str, object]:
    """read from the standby at SERIALIZABLE, then three times at the usual level"""
    return await outcomes(make_engine(standby_url, pool_size=1), "SERIALIZABLE")


@right
async def repeatable_read(make_engine: MakeEngine, standby_url: URL) -> dict[str, object]:
    """the same at REPEATABLE READ"""
    return await outcomes(make_engine(standby_url, pool_size=1), "REPEATABLE READ")


def check(serializable: Observation, repeatable_read: Observation) -> None:
    assert repeatable_read.value == {"at this level": 3, "the next three": [3, 3, 3]}
    assert serializable.value["at this level"] == "refused"
    assert set(serializable.warnings) <= {"SAWarning"}  # on 2.1.0 to 2.1.3, and logged as an error
    assert len(serializable.unhandled) == len(serializable.warnings)
    with DEFECT:
        assert serializable.value["the next three"] == [3, 3, 3]


main = main_of(__name__)
