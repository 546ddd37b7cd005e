"""asyncpg's timeout is for all hosts together: one that is silent hides the next.

A host that accepts and never answers, as one behind a broken network does, uses up the whole
timeout, and the second host is not tried: a bare TimeoutError. psycopg's connect_timeout is for
each host. Here an async_creator gives each host a timeout of its own; its order is yours too.

Symptom: TimeoutError in "asyncpg/connect_utils.py"
Docs: https://github.com/MagicStack/asyncpg/issues/1155
Docs: https://docs.sqlalchemy.org/en/21/core/engines.html#sqlalchemy.create_engine.params.async_creator
"""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import asyncpg
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong

ONLY = "asyncpg"
TIMEOUT = 0.3  # seconds


@contextmanager
def silent_host() -> Iterator[str]:
    """A folder with a socket that is connected to and never answers."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{folder}/.s.PGSQL.5432")
        listening.listen()
        yield folder


def host(url: URL) -> str:
    return str(url.query.get("host") or url.host)


async def answer(engine: AsyncEngine) -> dict[str, Any]:
    async with engine.connect() as connection:
        return {"answer": await connection.scalar(text("SELECT 42"))}


@wrong
async def one_timeout(make_engine: MakeEngine, url: URL) -> dict[str, Any]:
    """both hosts in the URL, and a timeout"""
    with silent_host() as silent:
        hosts = tuple(f"{each}:{url.port or 5432}" for each in (silent, host(url)))
        both = url._replace(host=None, port=None).set(query={"host": hosts})
        return await answer(make_engine(both, connect_args={"timeout": TIMEOUT}))


@right
async def one_for_each(make_engine: MakeEngine, url: URL) -> dict[str, Any]:
    """an async_creator that asks one host after the other, each with a timeout"""
    arguments: dict[str, Any] = {
        "user": url.username,
        "password": url.password,
        "database": url.database,
        "timeout": TIMEOUT,
    }
    with silent_host() as silent:

        async def connect() -> Any:
            for each in (silent, host(url)):
                with suppress(OSError):
                    return await asyncpg.connect(host=each, port=url.port, **arguments)
            raise OSError("no host answers")

        return await answer(make_engine(async_creator=connect))


def check(one_timeout: Observation, one_for_each: Observation) -> None:
    assert isinstance(one_timeout.error, TimeoutError)
    assert one_for_each.value == {"answer": 42}


main = main_of(__name__)
