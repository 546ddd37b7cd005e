"""Crashes of the service and of its database, and what must be true afterwards."""

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
    """Wait for another point only."""
    await ledger.wait_for_point()


async def kill_workers(service: Service, server: PrivateServer, ledger: Ledger) -> None:
    """Kill one worker after the other, each while clients are served."""
    for worker in service.workers():
        await ledger.wait_for_point()
        os.kill(worker, signal.SIGKILL)
    await ledger.wait_for_point()


async def kill_server(service: Service, server: PrivateServer, ledger: Ledger) -> None:
    """Kill the database server and start it again, as if its host had failed."""
    await ledger.wait_for_point()
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start, synchronous_commit="on")
    await ledger.wait_for_point()


async def count_busy_connections(url: URL) -> int:
    """Return how many connections of the service are not idle."""
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        count = await connection.scalar(COUNT_BUSY)
    await engine.dispose()
    return int(count or 0)


async def check_ledger(ledger: Ledger, url: URL) -> None:
    """Assert that the tables hold exactly what clients were told, and nothing is in progress."""
    keys, points = await read_rows(url)
    assert ledger.statuses.keys() <= {200, 201, 412, 503}
    assert ledger.without_retry_after == 0
    assert keys == ledger.users | ledger.points
    assert points == len(ledger.points)
    assert await count_busy_connections(url) == 0


def run_crash(crash: Crash, clients: int, seconds: float = 0.0) -> Ledger:
    """Let clients walk during a crash, check what they were told, and return that."""
    with private_server() as server:
        server.stop()
        server.start(synchronous_commit="on")  # an acknowledged commit is on the disk
        url = db.socket_url(server.login)
        with run_service(url, "--workers", str(WORKERS)) as service:
            crash_service = partial(crash, service, server)
            ledger = asyncio.run(run_walkers(service.url, clients, seconds, crash_service))
            asyncio.run(check_ledger(ledger, url))
    return ledger
