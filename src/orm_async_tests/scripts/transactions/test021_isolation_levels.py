"""An isolation level given to a connection or a session ends with its checkout.

The engine's level is for all its connections. A connection's execution option, and a
session's first session.connection(), are for this checkout: the next user of the same
backend has the default again. It must be the first thing that the session does.

Symptom: SAWarning "already established for the given bind; execution_options ignored"
Docs: https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#setting-transaction-isolation-levels-dbapi-autocommit
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, main_of, right, variant, wrong

SHOW = text("SHOW transaction_isolation")
SERIALIZABLE = {"isolation_level": "SERIALIZABLE"}


async def shown(engine: AsyncEngine) -> str:
    """What the next user of the pool has."""
    async with engine.connect() as connection:
        return str(await connection.scalar(SHOW))


@variant(engine=SERIALIZABLE)
async def of_engine(engine: AsyncEngine) -> dict[str, str]:
    """create_async_engine(isolation_level=...)"""
    return {"first": await shown(engine), "next user": await shown(engine)}


@variant
async def of_connection(engine: AsyncEngine) -> dict[str, str]:
    """connection.execution_options(isolation_level=...)"""
    async with engine.connect() as connection:
        await connection.execution_options(**SERIALIZABLE)
        mine = str(await connection.scalar(SHOW))
    return {"first": mine, "next user": await shown(engine)}


@right
async def of_session(session: AsyncSession, engine: AsyncEngine) -> dict[str, str]:
    """session.connection(execution_options=...), first"""
    await session.connection(execution_options=SERIALIZABLE)
    mine = str(await session.scalar(SHOW))
    await session.commit()
    return {"first": mine, "next user": await shown(engine)}


@wrong(warns=True)
async def too_late(session: AsyncSession, engine: AsyncEngine) -> dict[str, str]:
    """the same after a statement"""
    await session.execute(SHOW)
    await session.connection(execution_options=SERIALIZABLE)
    mine = str(await session.scalar(SHOW))
    await session.commit()
    return {"first": mine, "next user": await shown(engine)}


def check(
    of_engine: Observation,
    of_connection: Observation,
    of_session: Observation,
    too_late: Observation,
) -> None:
    assert of_engine.value == {"first": "serializable", "next user": "serializable"}
    assert (
        of_connection.value
        == of_session.value
        == {"first": "serializable", "next user": "read committed"}
    )
    assert too_late.value == {"first": "read committed", "next user": "read committed"}
    assert too_late.warnings == ["SAWarning"]


main = main_of(__name__)
