"""Watching processes from outside, and what a server says of theirs."""

import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

DEADLINE = 60.0  # seconds: of patience, where a start may take a third of them on a busy machine
PAUSE = 0.01  # seconds between looks, in which the watched may run
# How many locks of a type, in this database: other tests have theirs on the same server.
WAITED_FOR = text(
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE datname = current_database() AND locktype = :locktype AND NOT granted"
)


def until(condition: Callable[[], object]) -> None:
    """Wait until the condition is true; fails after the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(PAUSE)


def pids_of(folder: Path) -> dict[str, int]:
    """The processes whose command line names the folder: program to pid (Linux)."""
    found: dict[str, int] = {}
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            command = (process / "cmdline").read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if any(part.startswith(str(folder)) for part in command):
            found.setdefault(program(command), int(process.name))  # its children come later
    return found


def program(command: list[str]) -> str:
    """postgres, or supervisor."""
    return "supervisor" if any(part.endswith("supervisor.py") for part in command) else "postgres"
