"""A standby rejects writes and some reads with SQLSTATE 25006: check the SQLSTATE of the error.

A standby rejects SELECT FOR UPDATE, nextval() and LISTEN just like INSERT, but allows advisory
locks. For SQLSTATE 25006, SQLAlchemy raises a plain DBAPIError on asyncpg and an InternalError on
psycopg. Check the error for SQLSTATE 25006, and then run the whole transaction on the primary.

Docs: https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-USERS
Symptom: you get an error (SQLSTATE 25006)
"cannot execute SELECT FOR UPDATE in a read-only transaction".
"""

from sqlalchemy import URL, Executable, func, insert, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, variant, wrong
from orm_async_tests.models import User

STATEMENTS: dict[str, Executable] = {
    "INSERT": insert(User).values(username="new"),
    "SELECT FOR UPDATE": select(User).with_for_update(),
    "nextval()": select(func.nextval("users_id_seq")),
    "LISTEN": text("LISTEN news"),
    "advisory lock": select(func.pg_advisory_xact_lock(1)),
}


async def lock_users(engine: AsyncEngine) -> int:
    async with engine.begin() as connection:
        return len((await connection.execute(STATEMENTS["SELECT FOR UPDATE"])).all())


@wrong
async def by_class(make_engine: MakeEngine, primary_url: URL, standby_url: URL) -> dict[str, int]:
    """lock rows on the standby, and use the primary after an OperationalError"""
    try:
        return {"users locked": await lock_users(make_engine(standby_url))}
    except OperationalError:
        return {"users locked": await lock_users(make_engine(primary_url))}


@right
async def by_sqlstate(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL
) -> dict[str, int]:
    """lock rows on the standby, and use the primary after a DBAPIError with SQLSTATE 25006"""
    try:
        return {"users locked": await lock_users(make_engine(standby_url))}
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != "25006":
            raise
        return {"users locked": await lock_users(make_engine(primary_url))}


@variant
async def five_statements(make_engine: MakeEngine, standby_url: URL) -> dict[str, object]:
    """execute five kinds of statements on the standby"""
    standby, outcomes = make_engine(standby_url), dict[str, object]()
    for name, statement in STATEMENTS.items():
        try:
            async with standby.connect() as connection:
                await connection.execute(statement)
                outcomes[name] = "executed"
        except DBAPIError as error:
            outcomes[name] = getattr(error.orig, "sqlstate", None)
    return outcomes


def check(by_class: Observation, by_sqlstate: Observation, five_statements: Observation) -> None:
    assert by_class.sqlstate == "25006"
    assert not by_class.error.connection_invalidated
    assert by_sqlstate.value == {"users locked": 3}
    refused = dict.fromkeys(["INSERT", "SELECT FOR UPDATE", "nextval()", "LISTEN"], "25006")
    assert five_statements.value == {**refused, "advisory lock": "executed"}


main = main_of(__name__)
