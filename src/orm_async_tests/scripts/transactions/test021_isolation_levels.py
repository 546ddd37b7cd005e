"""The isolation level of a session applies only until its connection returns to the pool.

The isolation level of an engine applies to all its connections. The isolation level of a connection
or a session applies only until the connection returns to the pool. Set the isolation level of a
session before the session sends anything.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#setting-transaction-isolation-levels-dbapi-autocommit
Symptom: you get SAWarning "already established for the given bind; execution_options ignored".
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, main_of, right, variant, wrong

SHOW = text("SHOW transaction_isolation")
SERIALIZABLE = {"isolation_level": "SERIALIZABLE"}


async def read_level(engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        return str(await connection.scalar(SHOW))


@variant(engine=SERIALIZABLE)
async def of_engine(engine: AsyncEngine) -> dict[str, str]:
    """call create_async_engine(isolation_level=...)"""
    return {"first": await read_level(engine), "next user": await read_level(engine)}


@variant
async def of_connection(engine: AsyncEngine) -> dict[str, str]:
    """call connection.execution_options(isolation_level=...)"""
    async with engine.connect() as connection:
        await connection.execution_options(**SERIALIZABLE)
        current = str(await connection.scalar(SHOW))
    return {"first": current, "next user": await read_level(engine)}


@right
async def of_session(session: AsyncSession, engine: AsyncEngine) -> dict[str, str]:
    """call session.connection(execution_options=...) before any statement"""
    await session.connection(execution_options=SERIALIZABLE)
    current = str(await session.scalar(SHOW))
    await session.commit()
    return {"first": current, "next user": await read_level(engine)}


@wrong(warns=True)
async def too_late(session: AsyncSession, engine: AsyncEngine) -> dict[str, str]:
    """call session.connection(execution_options=...) after a statement"""
    await session.execute(SHOW)
    await session.connection(execution_options=SERIALIZABLE)
    current = str(await session.scalar(SHOW))
    await session.commit()
    return {"first": current, "next user": await read_level(engine)}


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
