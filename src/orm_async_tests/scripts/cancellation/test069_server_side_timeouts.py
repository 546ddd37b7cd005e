"""asyncio.timeout() makes the pool discard the connection, but statement_timeout does not.

When statement_timeout expires, the server cancels the statement (SQLSTATE 57014). After a
statement_timeout, you have to roll back, but you can use the connection again. After
asyncio.timeout(), SQLAlchemy discards the connection, and the pool has to open another one. Set
statement_timeout for every statement that could hang.

Docs: https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-STATEMENT-TIMEOUT
Symptom: you get an error (SQLSTATE 57014) "canceling statement due to statement timeout".
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
    """cancel a query by asyncio.timeout(), then check whether the session kept its connection"""
    before = await session.scalar(PID)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            await session.execute(SLOW)
    await session.rollback()
    return {"same backend": await session.scalar(PID) == before}


@right
async def of_the_server(session: AsyncSession) -> dict[str, bool]:
    """cancel a query by statement_timeout, then check whether the session kept its connection"""
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
