"""A client-side timeout discards the connection, but statement_timeout keeps the connection.

The server cancels the statement itself (57014): you have to roll back, and the connection stays
usable. A client-side timeout discards the connection, and the pool has to open another one. Set a
timeout on the server for every statement that could hang.

Symptom: 57014 "canceling statement due to statement timeout"
Docs: https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-STATEMENT-TIMEOUT
"""

import asyncio
from contextlib import suppress

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong

SLOW = select(func.pg_sleep(60))
PID = select(func.pg_backend_pid())


@wrong
async def of_the_client(session: AsyncSession) -> dict[str, bool]:
    """asyncio.timeout(), then ask for the backend's ID again"""
    before = await session.scalar(PID)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            await session.execute(SLOW)
    await session.rollback()
    return {"same backend": await session.scalar(PID) == before}


@right
async def of_the_server(session: AsyncSession) -> dict[str, bool]:
    """statement_timeout, then ask for the backend's ID again"""
    before = await session.scalar(PID)
    await session.execute(text("SET LOCAL statement_timeout = '50ms'"))
    with suppress(DBAPIError):
        await session.execute(SLOW)
    await session.rollback()
    return {"same backend": await session.scalar(PID) == before}


def check(of_the_client: Observation, of_the_server: Observation) -> None:
    assert of_the_client.value == {"same backend": False}
    assert of_the_server.value == {"same backend": True}


main = main_of(__name__)
