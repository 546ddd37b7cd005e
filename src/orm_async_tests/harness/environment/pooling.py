"""PgBouncer before the database, so that every script can be run behind a pooler."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sqlalchemy import URL

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import pooler
from orm_async_tests.stack_options import POOLER_MODES

ROOM = {"default_pool_size": "100", "max_client_conn": "500"}  # more than any script opens
SETTINGS = (
    {"pool_mode": "session"},
    {"pool_mode": "transaction"},
    {"pool_mode": "transaction", pooler.PREPARED: "0"},
)
MODES = dict(zip(POOLER_MODES, SETTINGS, strict=True))


@cache
def described(mode: str) -> str:
    """Such as "PgBouncer 1.24.1 session"; "" for no pooler.

    Raises CouldNotRun for an unknown mode, or if PgBouncer is missing.
    """
    if not mode:
        return ""
    if mode not in MODES:
        known = " or --pooler ".join(MODES)
        raise CouldNotRun(f"there is no pooler mode {mode!r}", "--pooler", f"--pooler {known}")
    return f"PgBouncer {pooler.version()} {mode}"


@contextmanager
def pooled(server: URL, mode: str) -> Iterator[URL]:
    """The database through a PgBouncer of its own in this mode; itself if there is no mode."""
    if not mode:
        yield server
        return
    with pooler.pgbouncer(server) as started:
        yield started.start(**MODES[mode], **ROOM)
