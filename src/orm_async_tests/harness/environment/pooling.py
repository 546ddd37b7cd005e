"""PgBouncer in front of the database, so that every script can run behind a pooler."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sqlalchemy import URL

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import pooler
from orm_async_tests.stack_options import POOLER_MODES

LIMITS = {"default_pool_size": "100", "max_client_conn": "500"}  # more than any script opens
SETTINGS = (
    {"pool_mode": "session"},
    {"pool_mode": "transaction"},
    {"pool_mode": "transaction", pooler.PREPARED: "0"},
)
MODES = dict(zip(POOLER_MODES, SETTINGS, strict=True))


@cache
def describe_pooler(mode: str) -> str:
    """Return a description such as "PgBouncer 1.24.1 session", or "" for no pooler.

    Raise CouldNotRun for an unknown mode, or if PgBouncer is missing.
    """
    if not mode:
        return ""
    if mode not in MODES:
        known = " or --pooler ".join(MODES)
        raise CouldNotRun(f"there is no pooler mode {mode!r}", "--pooler", f"--pooler {known}")
    return f"PgBouncer {pooler.version()} {mode}"


@contextmanager
def open_pooler(server: URL, mode: str) -> Iterator[URL]:
    """Start a PgBouncer in this mode and yield its URL; without a mode, yield the server's URL."""
    if not mode:
        yield server
        return
    with pooler.pgbouncer(server) as started:
        yield started.start(**MODES[mode], **LIMITS)
