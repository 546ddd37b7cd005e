"""The servers that a variant has for itself, which outlive its engines."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from orm_async_tests import db
from orm_async_tests.harness.definitions.variants import Variant
from orm_async_tests.postgres import (
    Pooler,
    PrivateServer,
    Standby,
    hot_standby,
    pgbouncer,
    private_server,
)

PRIVATE = {"private_server", "private_url"}
REPLICATED = {"primary_url", "standby", "standby_url"}
SYNCHRONOUS = {"synchronous_standby_names": "*", "synchronous_commit": "local"}  # if one asks
MEMORY, ROOM = Path("/dev/shm"), 2**30  # bytes, and two servers take a tenth of them


@dataclass(frozen=True)
class Servers:
    """A private server or a primary, its standby, a pooler; None is what was not asked for."""

    private: PrivateServer | None = None
    standby: Standby | None = None
    pooler: Pooler | None = None


@asynccontextmanager
async def own_servers(
    variant: Variant, shared: URL, load: Callable[[URL], Awaitable[None]]
) -> AsyncIterator[Servers]:
    """What the variant asks for; the primary's database is loaded before its standby is made.

    A pooler stands in front of the shared database, past the wire.
    """
    asked, private, standby, pooler = set(variant.parameters), None, None, None
    with ExitStack() as servers:
        if asked & REPLICATED:
            private = servers.enter_context(private_server(place(), **SYNCHRONOUS))
            await load(url_of(private, shared.get_driver_name()))
            standby = servers.enter_context(hot_standby(private, **variant.standby))
        elif asked & PRIVATE:
            private = servers.enter_context(private_server(place()))
        if "pooler" in asked:
            pooler = servers.enter_context(pgbouncer(shared))
        yield Servers(private, standby, pooler)


def place() -> Path | None:
    """Memory, where there is room: a server's files are made there in a third of the time."""
    if os.environ.get("TMPDIR") or not os.access(MEMORY, os.W_OK):
        return None
    return MEMORY if shutil.disk_usage(MEMORY).free > ROOM else None


def url_of(server: PrivateServer, driver: str) -> URL:
    """The server's database through a driver."""
    return db.with_driver(db.socket_url(server.login), driver)
