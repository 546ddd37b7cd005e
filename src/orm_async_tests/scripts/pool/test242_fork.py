"""A forked process uses its parent's pooled connections, until it calls dispose(close=False).

Servers that load the application once and then fork workers share connections in this way, for
example gunicorn with --preload. On asyncpg the child's query fails, and mostly the parent's next
one too. On psycopg both processes talk to one backend, so they may read each other's rows. Create
the engine in the worker, or call dispose(close=False) in the worker first: the pool then forgets
the connections without closing them.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#using-connection-pools-with-multiprocessing-or-os-fork
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests.harness import Observation, Processes, main_of, right, wrong


async def backend(engine: AsyncEngine) -> int | None:
    """Return the process id of the server's backend."""
    async with engine.connect() as connection:
        pid: int | None = await connection.scalar(text("SELECT pg_backend_pid()"))
        return pid


def use_inherited(engine: AsyncEngine, report: Callable[[int | None], None]) -> None:
    with suppress(RuntimeError):  # of asyncpg: the connection belongs to the parent's loop
        report(asyncio.run(backend(engine)))


def use_new(engine: AsyncEngine, report: Callable[[int | None], None]) -> None:
    engine.sync_engine.dispose(close=False)
    report(asyncio.run(backend(engine)))


async def fork(url: URL, child: Callable[..., None]) -> dict[str, bool]:
    """Query, fork a process that queries too, query again, and compare the backends."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # of a reply to the child
    engine = create_async_engine(url)
    await backend(engine)
    receiver, sender = get_context("fork").Pipe(duplex=False)
    process = get_context("fork").Process(target=child, args=(engine, sender.send))
    process.start()
    process.join()
    backends = {receiver.recv()} if receiver.poll() else set[int | None]()
    with suppress(DBAPIError):  # of asyncpg: the reply to the child's query confused it
        backends.add(await backend(engine))
    await engine.dispose()
    return {"two backends": len(backends) == 2}


@wrong
async def inherited(url: URL, processes: Processes) -> dict[str, bool]:
    """query in both processes"""
    return await processes.run(fork, url, use_inherited)


@right
async def discarded(url: URL, processes: Processes) -> dict[str, bool]:
    """query in both processes, after dispose(close=False) in the child"""
    return await processes.run(fork, url, use_new)


def check(inherited: Observation, discarded: Observation) -> None:
    assert inherited.value == {"two backends": False}
    assert discarded.value == {"two backends": True}


main = main_of(__name__)
