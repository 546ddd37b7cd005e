"""Starts private servers, standbys and poolers for a variant."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import URL

from orm_async_tests import db, postgres, urls
from orm_async_tests.harness.definitions.variants import Variant
from orm_async_tests.postgres import pooler
from orm_async_tests.stack_options import POOLER_MODES

PRIVATE = {"private_server", "private_url"}
REPLICATED = {"primary_url", "standby", "standby_url"}
# Only a session that sets synchronous_commit = on waits for the standby.
SYNCHRONOUS = {"synchronous_standby_names": "*", "synchronous_commit": "local"}
SHARED_MEMORY = Path("/dev/shm")
REQUIRED_BYTES = 2**30  # ten times the size of two servers
POOLER_LIMITS = {"default_pool_size": "100", "max_client_conn": "500"}  # more than a script opens
POOLER_SETTINGS = (
    {"pool_mode": "session"},
    {"pool_mode": "transaction"},
    {"pool_mode": "transaction", pooler.PREPARED: "0"},
)
MODES = dict(zip(POOLER_MODES, POOLER_SETTINGS, strict=True))


@dataclass
class Servers:
    private: postgres.PrivateServer | None = None
    standby: postgres.Standby | None = None
    pooler: postgres.Pooler | None = None


@asynccontextmanager
async def start_servers(
    variant: Variant, shared: URL, load: Callable[[URL], Awaitable[None]]
) -> AsyncIterator[Servers]:
    """Start the servers that a variant needs, and stop them at the end of the block.

    The function `load` fills the primary server before a standby copies it.
    """
    names, servers = set(variant.parameters), Servers()
    with ExitStack() as stack:
        if names & REPLICATED:
            primary = stack.enter_context(postgres.private_server(data_directory(), **SYNCHRONOUS))
            await load(url_of(primary, shared.get_driver_name()))
            servers.private = primary
            servers.standby = stack.enter_context(postgres.hot_standby(primary, **variant.standby))
        elif names & PRIVATE:
            servers.private = stack.enter_context(postgres.private_server(data_directory()))
        if "pooler" in names:
            servers.pooler = stack.enter_context(postgres.pgbouncer(shared))
        yield servers


def data_directory() -> Path | None:
    """Return a folder in shared memory for the data of a server, or None.

    A server starts faster if its data is in memory.
    """
    if os.environ.get("TMPDIR") or not os.access(SHARED_MEMORY, os.W_OK):
        return None
    free = shutil.disk_usage(SHARED_MEMORY).free
    return SHARED_MEMORY if free > REQUIRED_BYTES else None


def url_of(server: postgres.PrivateServer, driver: str) -> URL:
    return urls.with_driver(db.socket_url(server.login), driver)


@cache
def describe_pooler(mode: str) -> str:
    """Return the pooler's name, for example "PgBouncer 1.24.1 session", or ""."""
    return f"PgBouncer {pooler.version()} {mode}" if mode else ""


@contextmanager
def open_pooler(server: URL, mode: str) -> Iterator[URL]:
    if not mode:
        yield server
        return
    with postgres.pgbouncer(server) as started:
        yield started.start(**MODES[mode], **POOLER_LIMITS)
