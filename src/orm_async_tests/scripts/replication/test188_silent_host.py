"""If the first host of a URL never answers, asyncpg raises TimeoutError and tries no other host.

A frozen server accepts connections but never answers. On psycopg, connect_timeout applies to one
host at a time. In an async_creator, you can give every host its own timeout.

Docs: https://github.com/MagicStack/asyncpg/issues/1155
Docs: https://docs.sqlalchemy.org/en/21/core/engines.html#sqlalchemy.create_engine.params.async_creator
Symptom: you get TimeoutError with "asyncpg/connect_utils.py" in the traceback.
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
TIMEOUT = 1.0  # seconds, which a connection to the server never takes


@contextmanager
def silent_host() -> Iterator[str]:
    """Yield a folder with a server socket that accepts connections but never answers."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{folder}/.s.PGSQL.5432")
        listening.listen()
        yield folder


def host(url: URL) -> str:
    return str(url.query.get("host") or url.host)


async def select_42(engine: AsyncEngine) -> dict[str, Any]:
    async with engine.connect() as connection:
        return {"answer": await connection.scalar(text("SELECT 42"))}


@wrong
async def one_timeout(make_engine: MakeEngine, url: URL) -> dict[str, Any]:
    """connect with a URL whose first host accepts connections but never answers"""
    with silent_host() as silent:
        hosts = tuple(f"{name}:{url.port or 5432}" for name in (silent, host(url)))
        both = url._replace(host=None, port=None).set(query={"host": hosts})
        return await select_42(make_engine(both, connect_args={"timeout": TIMEOUT}))


@right
async def one_for_each(make_engine: MakeEngine, url: URL) -> dict[str, Any]:
    """in an async_creator, try one host after the other, with a timeout for each host"""
    arguments: dict[str, Any] = {
        "user": url.username,
        "password": url.password,
        "database": url.database,
        "timeout": TIMEOUT,
    }
    with silent_host() as silent:

        async def connect() -> Any:
            for name in (silent, host(url)):
                with suppress(OSError):
                    return await asyncpg.connect(host=name, port=url.port, **arguments)
            raise OSError("no host answers")

        return await select_42(make_engine(async_creator=connect))


def check(one_timeout: Observation, one_for_each: Observation) -> None:
    assert isinstance(one_timeout.error, TimeoutError)
    assert one_for_each.value == {"answer": 42}


main = main_of(__name__)
