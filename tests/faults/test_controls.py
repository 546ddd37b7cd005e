"""Positive controls: the fault sweep must find known defects, mostly in old releases.

A sweep that finds nothing is evidence only if it can find known defects. pip downloads the old
releases once.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests import db
from orm_async_tests.faults.outcomes import PARTIAL_COMMIT, TROUBLE, UNUSABLE, WAITING
from orm_async_tests.versions.releases import install_release
from tests.conftest import with_url

ROOT = Path(__file__).parents[2]
BUSY_LOAD = f"{__name__}:load_in_a_busy_loop"
BUSY_ADDITIONS = 3_000_000  # keep the event loop busy for some hundredths of a second
CONTROLS = {  # the arguments of a sweep, the libraries' releases, a violation, and its least count
    "COPY before BEGIN commits a part of the work": (
        ("--pattern", "copy_first", "--fault", "cancel"),
        {},
        PARTIAL_COMMIT,
        6,
    ),
    "SQLAlchemy 2.0.36 loses a connection when opening it is cancelled": (
        ("--pattern", "connect", "--fault", "cancel"),
        {"sqlalchemy": "2.0.36"},
        TROUBLE,
        10,
    ),
    "SQLAlchemy 2.1.4 keeps a closed connection after a second cancel": (
        ("--pattern", "add", "--fault", "cancel+cancel"),
        {"sqlalchemy": "2.1.4"},
        UNUSABLE,
        10,
    ),
    "SQLAlchemy 2.1.4 keeps a closed connection after AnyIO's scope": (
        ("--pattern", "add", "--fault", "scope"),
        {"sqlalchemy": "2.1.4"},
        UNUSABLE,
        3,
    ),
    "asyncpg 0.31.0 waits for a silent server despite its timeouts": (
        ("--pattern", "commit", "--fault", "stall"),
        {"asyncpg": "0.31.0"},
        WAITING,
        16,
    ),
    "psycopg's executemany() spoils its connection when cancelled in a busy loop": (
        ("--driver", "psycopg", "--pattern", BUSY_LOAD, "--fault", "cancel"),
        {},
        UNUSABLE,
        1,
    ),
}


async def load_in_a_busy_loop(engine: AsyncEngine) -> None:
    """Run an executemany() after keeping the event loop busy."""

    def keep_busy(*_: Any) -> None:
        sum(range(BUSY_ADDITIONS))

    async with engine.begin() as connection:
        event.listen(connection.sync_connection, "before_cursor_execute", keep_busy)
        await connection.execute(text("SELECT :n"), [{"n": str(n)} for n in range(100)])


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("sweep", "releases", "violation", "points"), CONTROLS.values(), ids=CONTROLS
)
def test_the_sweep_finds_a_known_defect(
    sweep: tuple[str, ...],
    releases: Mapping[str, str],
    violation: str,
    points: int,
    database: db.Database,
) -> None:
    folders = [str(install_release(*pin)) for pin in releases.items()]
    process = subprocess.run(
        [sys.executable, "-m", "orm_async_tests", "faults", "--json", *sweep],
        env={**with_url(database), "PYTHONPATH": os.pathsep.join(folders)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert process.returncode in (0, 1), process.stderr
    document = json.loads(process.stdout)
    assert releases.items() <= document["stack"].items()
    counts = Counter(
        name
        for cell in document["cells"]
        for outcome in cell["violations"]
        for name in outcome["broken"]
    )
    assert counts[violation] >= points, counts
