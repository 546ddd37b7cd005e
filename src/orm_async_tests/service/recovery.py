"""Start the embedded server again when it ends while the service uses it."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from asyncpg import InterfaceError, PostgresError
from sqlalchemy.exc import DBAPIError

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import SERVICE, lease

LOGGER = logging.getLogger("uvicorn.error")  # the server's log, also for what is no error
# A server that is killed while a connection is set up raises errors that are not wrapped (test172).
CANNOT_CONNECT = (CouldNotRun, DBAPIError, InterfaceError, PostgresError, OSError)
RETRY_AFTER = 1.0  # seconds between two attempts to start a server that does not start


@contextmanager
def restarted(database: db.Database) -> Iterator[None]:
    """Start the embedded server again whenever it ends during the block. Ignore other databases.

    A thread watches the server. Requests get a 503 until the server runs again.
    """
    if database.kind != "embedded":
        yield
        return
    loop = asyncio.new_event_loop()
    task = loop.create_task(keep_running(database))
    thread = threading.Thread(target=_run, args=(loop, task), name="recovery")
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[None]") -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()


async def keep_running(database: db.Database) -> None:
    """Hold a connection, and start the server whenever it is lost, until cancelled."""
    while True:
        try:
            with lease(SERVICE) as server:
                if server.launch != "warm":
                    LOGGER.warning("the embedded server had ended, and was started again")
            await wait_until_lost(database)
        except CANNOT_CONNECT as error:
            LOGGER.error("the embedded server cannot be used: %s", error)
            await asyncio.sleep(RETRY_AFTER)


async def wait_until_lost(database: db.Database) -> None:
    """Connect, and return when the server has closed the connection.

    Raises an error of CANNOT_CONNECT if the server cannot be reached.
    """
    lost = asyncio.Event()
    async with db.connect(database, "orm_async_tests serve: recovery") as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.add_termination_listener(lambda _: lost.set())
        if not driver.is_closed():
            await lost.wait()
