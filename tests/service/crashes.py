"""What goes wrong under load, and the proof that nobody was told an untruth."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from functools import partial

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import create_async_engine

from orm_async_tests import db
from orm_async_tests.postgres import PrivateServer, private_server
from orm_async_tests.service.engines import NAME
from tests.service.processes import Service, serving
from tests.service.walkers import Ledger, read_stored, run_walkers

WORKERS = 2
IN_USE = text(
    "SELECT count(*) FROM pg_stat_activity"
    f" WHERE application_name = '{NAME}' AND state <> 'idle' AND pid <> pg_backend_pid()"
)
Crash = Callable[[Service, PrivateServer, Ledger], Awaitable[None]]


async def more(ledger: Ledger) -> None:
    """Wait until another point is acknowledged."""
    ledger.more.clear()
    await ledger.more.wait()


async def nothing_happens(service: Service, database: PrivateServer, ledger: Ledger) -> None:
    """The clients are served."""


async def workers_are_killed(service: Service, database: PrivateServer, ledger: Ledger) -> None:
    """Each worker, one after the other."""
    for worker in service.workers():
        await more(ledger)
        os.kill(worker, signal.SIGKILL)
    await more(ledger)


async def the_database_is_killed(service: Service, database: PrivateServer, ledger: Ledger) -> None:
    """It recovers by itself, as after a failure of its host."""
    await more(ledger)
    await asyncio.to_thread(database.kill)
    await asyncio.to_thread(database.start, synchronous_commit="on")
    await more(ledger)


async def in_use(url: URL) -> int:
    """How many connections of the service's pools do something."""
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        count = await connection.scalar(IN_USE)
    await engine.dispose()
    return int(count or 0)


async def told_the_truth(ledger: Ledger, url: URL) -> None:
    """Compare what clients were told with the tables, and with what is still in use."""
    keys, points = await read_stored(url)
    assert ledger.statuses.keys() <= {200, 201, 412, 503}
    assert ledger.bare == 0
    assert keys == ledger.users | ledger.points
    assert points == len(ledger.points)
    assert await in_use(url) == 0


def nothing_is_lost(crash: Crash, clients: int, seconds: float) -> Ledger:
    """Let clients walk through a crash, and say what they were told: the truth."""
    with private_server() as database:
        database.stop()
        database.start(synchronous_commit="on")  # what is acknowledged is in the WAL's file
        url = db.socket_url(database.login)
        with serving(url, "--workers", str(WORKERS)) as service:
            meanwhile = partial(crash, service, database)
            ledger = asyncio.run(run_walkers(service.url, clients, seconds, meanwhile))
            asyncio.run(told_the_truth(ledger, url))
    return ledger
