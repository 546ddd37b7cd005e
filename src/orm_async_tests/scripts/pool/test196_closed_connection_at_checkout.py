"""A checkout listener detects closed connections without the round trips of pool_pre_ping.

On asyncpg, a ping of pool_pre_ping takes three round trips, for BEGIN, a statement and ROLLBACK. If
a restart or an administrator closes a connection, asyncpg notices the closed socket. If a checkout
listener raises DisconnectionError for a closed connection, the pool reconnects. A checkout listener
costs no round trip. Only a query or a timeout detects a server that dies silently.

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


async def kill(engine: AsyncEngine, activity: Activity) -> int:
    """Kill the backends, wait until the driver notices, and return the number of backends."""
    noticed = asyncio.Event()
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.add_termination_listener(lambda _: noticed.set())
    count = await activity.terminate()
    await noticed.wait()
    return count


@wrong(engine={"pool_pre_ping": True})
async def pinged(engine: AsyncEngine) -> dict[str, int]:
    """check a live connection with pool_pre_ping=True"""
    return {"users": await users(engine)}


@right
async def listened(engine: AsyncEngine) -> dict[str, int]:
    """check a live connection in a checkout listener"""
    event.listen(engine.sync_engine, "checkout", refuse_closed)
    return {"users": await users(engine)}


@right
async def closed(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """check a connection in a checkout listener after its backend was killed"""
    event.listen(engine.sync_engine, "checkout", refuse_closed)
    return {"killed": await kill(engine, activity), "users": await users(engine)}


def check(pinged: Observation, listened: Observation, closed: Observation) -> None:
    assert pinged.value == listened.value == {"users": 3}
    assert closed.value == {"killed": 1, "users": 3}
    assert pinged.round_trips == 2 * listened.round_trips


main = main_of(__name__)
