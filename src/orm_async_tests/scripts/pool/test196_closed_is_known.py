"""A checkout listener finds what the server closed without a ping's round trips.

pool_pre_ping asks the server before each checkout, in a transaction of its own: as many round trips
as BEGIN, one statement and ROLLBACK take (the first of each is prepared too). Where the server has
closed a connection, as a restart or an administrator does, asyncpg was told by the socket. A
listener that raises DisconnectionError makes the pool connect anew; it costs nothing until then.

Not shown: a server or a network that dies without a word. Only a question finds that, or a timeout.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#custom-legacy-pessimistic-ping
"""

import asyncio
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong
from orm_async_tests.models import User

ONLY = "asyncpg"


def refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    if connection.driver_connection.is_closed():
        raise DisconnectionError


async def users(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return len((await connection.execute(select(User))).all())


async def killed(engine: AsyncEngine, activity: Activity) -> int:
    """Kill the backend, wait until the driver has heard of it, and say how many there were."""
    told = asyncio.Event()
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.add_termination_listener(lambda _: told.set())
    count = await activity.terminate()
    await told.wait()
    return count


@wrong(engine={"pool_pre_ping": True})
async def pinged(engine: AsyncEngine) -> dict[str, int]:
    """pool_pre_ping=True, and nothing is wrong"""
    return {"users": await users(engine)}


@right
async def listened(engine: AsyncEngine) -> dict[str, int]:
    """a checkout listener, and nothing is wrong"""
    event.listen(engine.sync_engine, "checkout", refuse_closed)
    return {"users": await users(engine)}


@right
async def closed(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """a checkout listener, and the backend is killed: the next user gets a new connection"""
    event.listen(engine.sync_engine, "checkout", refuse_closed)
    return {"killed": await killed(engine, activity), "users": await users(engine)}


def check(pinged: Observation, listened: Observation, closed: Observation) -> None:
    assert pinged.value == listened.value == {"users": 3}
    assert closed.value == {"killed": 1, "users": 3}
    assert pinged.round_trips == 2 * listened.round_trips


main = main_of(__name__)
