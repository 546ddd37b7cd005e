"""On psycopg, cancelling a COPY as it starts raises OperationalError, not CancelledError.

If a COPY is cancelled as it starts, psycopg leaves the server's answer unread. If a connection has
an unread answer from the server, ROLLBACK raises OperationalError. If OperationalError replaces
CancelledError, a loop that retries after every OperationalError keeps running in a cancelled task.
When a COPY fails, invalidate the connection, so that SQLAlchemy sends no ROLLBACK.

Docs: https://www.psycopg.org/psycopg3/docs/basic/copy.html
Symptom: you get OperationalError "another command is already in progress".
"""

import asyncio
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, Upstream, main_of, right, wrong

ONLY = "psycopg"
DEFECT = Upstream(
    "a COPY that is cancelled as it starts raises OperationalError instead of CancelledError",
    {"psycopg": ">=3.2.3,<4"},
    "https://www.psycopg.org/psycopg3/docs/basic/copy.html",
    "wrong error",
)
COPY = "COPY users (username) FROM STDIN"
COUNT = text("SELECT count(*) FROM users WHERE username LIKE 'copied-%'")


def cancel_soon() -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_soon(task.cancel)


@wrong(unhandled=True)
async def cancel_a_copy(engine: AsyncEngine) -> dict[str, object]:
    """cancel a COPY as it starts"""

    async def copy() -> None:
        async with engine.begin() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            cancel_soon()
            async with driver.cursor() as cursor, cursor.copy(COPY) as rows:
                await rows.write_row(("copied-1",))

    await asyncio.wait([task := asyncio.create_task(copy())])
    async with engine.connect() as connection:
        return {"cancelled": task.cancelled(), "rows": await connection.scalar(COUNT)}


@right(unhandled=True)
async def invalidate_it(engine: AsyncEngine) -> dict[str, object]:
    """cancel a COPY as it starts, and invalidate its connection"""

    async def copy() -> None:
        async with engine.begin() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            cancel_soon()
            try:
                async with driver.cursor() as cursor, cursor.copy(COPY) as rows:
                    await rows.write_row(("copied-1",))
            except BaseException:
                await connection.invalidate()
                raise

    await asyncio.wait([task := asyncio.create_task(copy())])
    async with engine.connect() as connection:
        return {"cancelled": task.cancelled(), "rows": await connection.scalar(COUNT)}


def check(cancel_a_copy: Observation, invalidate_it: Observation) -> None:
    assert invalidate_it.value == {"cancelled": True, "rows": 0}
    assert cancel_a_copy.value["rows"] == 0
    with DEFECT:
        assert cancel_a_copy.value["cancelled"] is True


main = main_of(__name__)
