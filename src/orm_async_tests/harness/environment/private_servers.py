"""Private servers, standbys and poolers for one variant; they outlive its engines."""

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
# A session that sets synchronous_commit = on waits for the standby; others do not.
SYNCHRONOUS = {"synchronous_standby_names": "*", "synchronous_commit": "local"}
SHARED_MEMORY = Path("/dev/shm")
REQUIRED_BYTES = 2**30  # ten times what two servers take


@dataclass(frozen=True)
class Servers:
    """The servers that a variant names as fixtures; the others are None."""

    private: PrivateServer | None = None
    standby: Standby | None = None
    pooler: Pooler | None = None


@asynccontextmanager
async def start_servers(
    variant: Variant, shared: URL, load: Callable[[URL], Awaitable[None]]
) -> AsyncIterator[Servers]:
    """Start the servers that the variant names, and stop them when the block ends.

    `load` fills the primary's database before its standby is created. A pooler connects to the
    shared database without the wire.
    """
    names, private, standby, pooler = set(variant.parameters), None, None, None
    with ExitStack() as servers:
        if names & REPLICATED:
            private = servers.enter_context(private_server(data_directory(), **SYNCHRONOUS))
            await load(url_of(private, shared.get_driver_name()))
            standby = servers.enter_context(hot_standby(private, **variant.standby))
        elif names & PRIVATE:
            private = servers.enter_context(private_server(data_directory()))
        if "pooler" in names:
            pooler = servers.enter_context(pgbouncer(shared))
        yield Servers(private, standby, pooler)


def data_directory() -> Path | None:
    """Return a directory in memory, where a server starts three times faster.

    Return None, which means the temporary directory, if TMPDIR is set or memory is short.
    """
    if os.environ.get("TMPDIR") or not os.access(SHARED_MEMORY, os.W_OK):
        return None
    free = shutil.disk_usage(SHARED_MEMORY).free
    return SHARED_MEMORY if free > REQUIRED_BYTES else None


def url_of(server: PrivateServer, driver: str) -> URL:
    """Return the URL of the server's database for a driver."""
    return db.with_driver(db.socket_url(server.login), driver)
