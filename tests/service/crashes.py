"""Crashes the service or its database, and checks the data afterwards."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from functools import partial

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import create_async_engine

from orm_async_tests import db
from orm_async_tests.postgres import PrivateServer, private_server
from orm_async_tests.service.engines import APPLICATION_NAME
from tests.service.service_process import Service, run_service
from tests.service.walkers import Ledger, read_rows, run_walkers

WORKERS = 2
COUNT_BUSY = text(
    f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{APPLICATION_NAME}'"
    " AND state <> 'idle' AND pid <> pg_backend_pid()"
)
Crash = Callable[[Service, PrivateServer, Ledger], Awaitable[None]]


async def no_crash(service: Service, server: PrivateServer, ledger: Ledger) -> None:
    """Crash nothing, and only wait for another point."""
    await ledger.wait_for_point()


async def kill_workers(service: Service, server: PrivateServer, ledger: Ledger) -> None:
    """Kill one worker after the other while the service answers clients."""
    for worker in service.workers():
        await ledger.wait_for_point()
        os.kill(worker, signal.SIGKILL)
    await ledger.wait_for_point()


async def kill_server(service: Service, server: PrivateServer, ledger: Ledger) -> None:
    """Kill the database server and start it again, as after a failure of its machine."""
    await ledger.wait_for_point()
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start, synchronous_commit="on")
    await ledger.wait_for_point()


async def count_busy_connections(url: URL) -> int:
    """Return the number of the service's connections that are not idle."""
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        count = await connection.scalar(COUNT_BUSY)
    await engine.dispose()
    return int(count or 0)


async def check_ledger(ledger: Ledger, url: URL) -> None:
    """Assert that the tables have exactly the acknowledged rows, and that no query is running."""
    keys, points = await read_rows(url)
    assert ledger.statuses.keys() <= {200, 201, 412, 503}
    assert ledger.without_retry_after == 0
    assert keys == ledger.users | ledger.points
    assert points == len(ledger.points)
    assert await count_busy_connections(url) == 0


def run_crash(crash: Crash, clients: int, seconds: float = 0.0) -> Ledger:
    """Run clients during a crash, check the rows of their responses, and return the responses."""
    with private_server() as server:
        server.stop()
        server.start(synchronous_commit="on")  # an acknowledged commit is on the disk
        url = db.socket_url(server.login)
        with run_service(url, "--workers", str(WORKERS)) as service:
            crash_service = partial(crash, service, server)
            ledger = asyncio.run(run_walkers(service.url, clients, seconds, crash_service))
            asyncio.run(check_ledger(ledger, url))
    return ledger
