"""Observes other processes, and the locks for which they wait."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import text

T = TypeVar("T")

DEADLINE = 60.0  # seconds, of which starting a server may take a third on a busy machine
PAUSE = 0.01  # seconds between two checks of a condition, in which other processes run
# Counts the waits for a type of lock in this database, and not in the databases of other tests.
WAITED_FOR = text(
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE datname = current_database() AND locktype = :locktype AND NOT granted"
)


def until(condition: Callable[[], T]) -> T:
    """Wait until the condition is true, and return its value.

    Raise AssertionError after the deadline.
    """
    deadline = time.monotonic() + DEADLINE
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(PAUSE)
    return value


def pids_of(folder: Path) -> dict[str, int]:
    """Map "postgres" and "supervisor" to the PIDs of their first processes for a folder.

    A process belongs to the folder if its command line names the folder. Works only on Linux.
    """
    pids: dict[str, int] = {}
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            command = (process / "cmdline").read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if any(part.startswith(str(folder)) for part in command):
            pids.setdefault(program(command), int(process.name))  # its children come later
    return pids


def program(command: list[str]) -> str:
    """Return "postgres" or "supervisor" for a command line."""
    return "supervisor" if any(part.endswith("supervisor.py") for part in command) else "postgres"
