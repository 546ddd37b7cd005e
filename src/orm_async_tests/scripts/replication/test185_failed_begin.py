"""A standby rejects SERIALIZABLE transactions, and asyncpg's connection is unusable afterwards.

A hot standby rejects SERIALIZABLE at BEGIN. After a rejected BEGIN, asyncpg still considers its
transaction open, and every later use of the pooled connection fails. On a standby, use REPEATABLE
READ, which is the highest isolation level that a standby supports.

Docs: https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-CAVEATS
Symptom: you get an error (SQLSTATE 0A000) "cannot use serializable mode in a hot standby"
on asyncpg.
Symptom: you get InterfaceError "nested transaction has a different isolation level" on asyncpg.
"""

from sqlalchemy import URL, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, Upstream, main_of, right, wrong
from orm_async_tests.models import User

DEFECT = Upstream(
    "after a rejected BEGIN, the pooled connection still has a transaction",
    {"sqlalchemy": ">=2.0,<2.1 or >=2.1.4,<2.2", "asyncpg": ">=0.30,<0.33"},
    "https://github.com/MagicStack/asyncpg/blob/v0.30.0/asyncpg/transaction.py",
    "breaks the pool",
)
USERS = select(func.count(User.id))


async def read(engine: AsyncEngine) -> int | None:
    async with engine.connect() as connection:
        return await connection.scalar(USERS)


async def read_four_times(engine: AsyncEngine, level: str) -> dict[str, object]:
    outcomes = list[object]()
    first = engine.execution_options(isolation_level=level)
    for reader in (first, engine, engine, engine):
        try:
            outcomes.append(await read(reader))
        except DBAPIError:
            outcomes.append("rejected")
    return {"at this level": outcomes[0], "the next three": outcomes[1:]}


@wrong(warns=True, unhandled=True)
async def serializable(make_engine: MakeEngine, standby_url: URL) -> dict[str, object]:
    """read from the standby once at SERIALIZABLE, then three times at the default level"""
    return await read_four_times(make_engine(standby_url, pool_size=1), "SERIALIZABLE")


@right
async def repeatable_read(make_engine: MakeEngine, standby_url: URL) -> dict[str, object]:
    """read from the standby once at REPEATABLE READ, then three times at the default level"""
    return await read_four_times(make_engine(standby_url, pool_size=1), "REPEATABLE READ")


def check(serializable: Observation, repeatable_read: Observation) -> None:
    assert repeatable_read.value == {"at this level": 3, "the next three": [3, 3, 3]}
    assert serializable.value["at this level"] == "rejected"
    assert set(serializable.warnings) <= {"SAWarning"}  # on 2.1.0 to 2.1.3
    assert len(serializable.unhandled) == len(serializable.warnings)
    with DEFECT:
        assert serializable.value["the next three"] == [3, 3, 3]


main = main_of(__name__)
