"""Asks the server in a separate thread which statements wait for a lock.

The module uses a thread, because another task could change the order of the variant's tasks. The
thread connects to the server only after a statement has run for some time.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import perf_counter_ns

from sqlalchemy import URL

from orm_async_tests.harness.environment.script_database import ADMIN
from orm_async_tests.timeline.recording import Recorder
from orm_async_tests.urls import with_driver

TIMEOUT = 5  # seconds for the server's answer
PERIOD = 0.002  # seconds between two queries
BLOCKED = """
    SELECT pid, pg_blocking_pids(pid) FROM unnest($1::int[]) AS pid
    WHERE cardinality(pg_blocking_pids(pid)) > 0
"""


@contextmanager
def watch_locks(url: URL, recorder: Recorder) -> Iterator[None]:
    if url.get_backend_name() != "postgresql":
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_watch, args=[url, recorder, stop], daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _watch(url: URL, recorder: Recorder, stop: threading.Event) -> None:
    while not stop.wait(PERIOD):
        if recorder.find_slow_backends():
            import asyncpg

            # Without a connection, there are no locks to show.
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                asyncio.run(_poll(url, recorder, stop))
            return


async def _poll(url: URL, recorder: Recorder, stop: threading.Event) -> None:
    import asyncpg

    url = with_driver(url, "asyncpg")
    _, arguments = url.get_dialect()().create_connect_args(url)
    settings = {"application_name": ADMIN}
    connection = await asyncpg.connect(**arguments, server_settings=settings, timeout=TIMEOUT)
    try:
        while not stop.is_set():
            if pids := recorder.find_slow_backends():
                since = perf_counter_ns()
                rows = await connection.fetch(BLOCKED, pids, timeout=TIMEOUT)
                recorder.add_locks([tuple(row) for row in rows], since)
            await asyncio.sleep(PERIOD)
    finally:
        await connection.close(timeout=1)
