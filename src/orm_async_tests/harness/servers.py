"""The servers that a way has for itself, which outlive its engines."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from orm_async_tests import db
from orm_async_tests.harness.ways import Way
from orm_async_tests.postgres import PrivateServer, Standby, hot_standby, private_server

PRIVATE = {"private_server", "private_url"}
REPLICATED = {"primary_url", "standby", "standby_url"}
SYNCHRONOUS = {"synchronous_standby_names": "*", "synchronous_commit": "local"}  # if one asks
MEMORY, ROOM = Path("/dev/shm"), 2**30  # bytes, and two servers take a tenth of them


@dataclass(frozen=True)
class Servers:
    """A private server or a primary, and its standby; None is what the way did not ask for."""

    private: PrivateServer | None = None
    standby: Standby | None = None


@asynccontextmanager
async def own_servers(
    way: Way, driver: str, load: Callable[[URL], Awaitable[None]]
) -> AsyncIterator[Servers]:
    """What the way asks for; the primary's database is loaded before its standby is made."""
    asked = set(way.parameters)
    with ExitStack() as servers:
        if asked & REPLICATED:
            primary = servers.enter_context(private_server(_place(), **SYNCHRONOUS))
            await load(url_of(primary, driver))
            yield Servers(primary, servers.enter_context(hot_standby(primary, **way.standby)))
        elif asked & PRIVATE:
            yield Servers(servers.enter_context(private_server(_place())))
        else:
            yield Servers()


def _place() -> Path | None:
    """Memory, where there is room: a server's files are made there in a third of the time."""
    if os.environ.get("TMPDIR") or not os.access(MEMORY, os.W_OK):
        return None
    return MEMORY if shutil.disk_usage(MEMORY).free > ROOM else None


def url_of(server: PrivateServer, driver: str) -> URL:
    """The server's database through a driver."""
    return db.with_driver(db.socket_url(server.login), driver)
