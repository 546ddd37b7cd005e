"""A forked process uses its parent's pooled connections unless the pool is empty at the fork.

If a server loads the application once and then forks workers, the workers share connections. With
--preload, gunicorn forks workers that share connections. If a forked process uses its parent's
connection on asyncpg, its query fails, and usually the parent's next query fails too. On psycopg,
two processes that share a connection may read each other's rows. Create the engine in the worker,
or dispose the engine before the fork.

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
    async with engine.connect() as connection:
        pid: int | None = await connection.scalar(text("SELECT pg_backend_pid()"))
        return pid


def query_in_child(engine: AsyncEngine, report: Callable[[int | None], None]) -> None:
    with suppress(RuntimeError):  # the connection belongs to another loop
        report(asyncio.run(backend(engine)))


async def fork_and_query(engine: AsyncEngine) -> dict[str, bool]:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the child's reply
    receiver, sender = get_context("fork").Pipe(duplex=False)
    process = get_context("fork").Process(target=query_in_child, args=(engine, sender.send))
    process.start()
    process.join()
    backends = {receiver.recv()} if receiver.poll() else set[int | None]()
    with suppress(DBAPIError):  # asyncpg got the child's reply
        backends.add(await backend(engine))
    await engine.dispose(close=False)  # a connection that both used may not close
    return {"two backends": len(backends) == 2}


async def fork_with_connection(url: URL) -> dict[str, bool]:
    engine = create_async_engine(url)
    await backend(engine)
    return await fork_and_query(engine)


async def fork_after_dispose(url: URL) -> dict[str, bool]:
    engine = create_async_engine(url)
    await backend(engine)
    await engine.dispose()
    return await fork_and_query(engine)


@wrong
async def inherited(url: URL, processes: Processes) -> dict[str, bool]:
    """query, fork, then query in both processes"""
    return await processes.run(fork_with_connection, url)


@right
async def disposed(url: URL, processes: Processes) -> dict[str, bool]:
    """query, dispose the engine, fork, then query in both processes"""
    return await processes.run(fork_after_dispose, url)


def check(inherited: Observation, disposed: Observation) -> None:
    assert inherited.value == {"two backends": False}
    assert disposed.value == {"two backends": True}


main = main_of(__name__)
