"""Positive controls of the fault sweep: defects that it must find, mostly in old releases.

A sweep that finds nothing is evidence only if it can find known defects. Each control is a sweep
and the violation that it must report. A control that reports fewer is a failure.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.errors import CouldNotRun, exit_code
from orm_async_tests.postgres.paths import home
from orm_async_tests.versions.releases import NotInstalled, install_release

ROOT = Path(__file__).parent.parent
SWEEP_TIMEOUT = 600  # seconds
BUSY_LOAD = "benchmarks.fault_controls:load_in_a_busy_loop"
BUSY_ADDITIONS = 3_000_000  # keep the event loop busy for some hundredths of a second


@dataclass(frozen=True)
class Control:
    """A sweep, the violation that it must find, and at how many points at least."""

    name: str
    sweep: tuple[str, ...]  # the arguments of orm-async-tests faults
    violation: str
    points: int
    releases: Mapping[str, str] = field(default_factory=dict)  # by library

    def count_violations(self) -> Counter[str]:
        """Run the sweep and count its violations by name. Raises CouldNotRun."""
        done = subprocess.run(
            [sys.executable, "-m", "orm_async_tests", "faults", "--json", *self.sweep],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(self._folders())},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            timeout=SWEEP_TIMEOUT,
        )
        if done.returncode not in (0, 1):
            problem = f"the sweep of a control ended with {done.returncode}"
            command = " ".join(["orm-async-tests faults", *self.sweep])
            raise CouldNotRun(problem, self.name, command)
        return Counter(self._violations(json.loads(done.stdout)))

    def _folders(self) -> Iterator[str]:
        for library, release in self.releases.items():
            try:
                yield str(install_release(library, release, home()))
            except NotInstalled as error:
                remedy = f"{sys.executable} -m pip download {library}=={release}"
                raise CouldNotRun(str(error), self.name, remedy) from None

    def _violations(self, document: Mapping[str, Any]) -> Iterator[str]:
        for library, release in self.releases.items():
            if document["stack"][library] != release:
                swept = document["stack"][library]
                problem = f"{library} {swept} was swept in place of {release}"
                raise CouldNotRun(problem, self.name, f"unset PYTHONPATH, if it has {library}")
        for cell in document["cells"]:
            for violation in cell["violations"]:
                yield from violation["broken"]


CONTROLS = (
    Control(
        "COPY before BEGIN is kept in part",
        ("--pattern", "copy_first", "--fault", "cancel"),
        "partial commit",
        6,
    ),
    Control(
        "SQLAlchemy 2.0.36 loses a connection when opening it is cancelled",
        ("--pattern", "connect", "--fault", "cancel"),
        "trouble",
        10,
        {"sqlalchemy": "2.0.36"},
    ),
    Control(
        "SQLAlchemy 2.1.4 keeps a closed connection after a second cancel",
        ("--pattern", "add", "--fault", "cancel+cancel"),
        "unusable",
        10,
        {"sqlalchemy": "2.1.4"},
    ),
    Control(
        "SQLAlchemy 2.1.4 keeps a closed connection after AnyIO's scope",
        ("--pattern", "add", "--fault", "scope"),
        "unusable",
        3,
        {"sqlalchemy": "2.1.4"},
    ),
    Control(
        "asyncpg 0.31.0 waits on a stall, whatever its timeouts",
        ("--pattern", "commit", "--fault", "stall"),
        "waiting",
        16,
        {"asyncpg": "0.31.0"},
    ),
    Control(
        "psycopg's executemany, cancelled in a busy loop, spoils its connection",
        ("--driver", "psycopg", "--pattern", BUSY_LOAD, "--fault", "cancel"),
        "unusable",
        1,
    ),
)


async def load_in_a_busy_loop(engine: AsyncEngine) -> None:
    """Run an executemany() after keeping the event loop busy."""

    def keep_busy(*_: Any) -> None:
        sum(range(BUSY_ADDITIONS))

    async with engine.begin() as connection:
        event.listen(connection.sync_connection, "before_cursor_execute", keep_busy)
        await connection.execute(text("SELECT :n"), [{"n": str(n)} for n in range(100)])


def select_controls(words: Sequence[str]) -> list[Control]:
    """Return the controls whose names contain one of the words, or without words all of them.

    Raises CouldNotRun if there are none.
    """
    selected = [
        control for control in CONTROLS if any(word in control.name for word in words or [""])
    ]
    if not selected:
        names = "; ".join(control.name for control in CONTROLS)
        raise CouldNotRun(f"no control is named {' or '.join(words)}", "its arguments", names)
    return selected


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the controls and return 1 if one of them found too little."""
    parser = argparse.ArgumentParser(prog="fault_controls", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="of a control's name")
    missed = 0
    for control in select_controls(parser.parse_args(arguments).words):
        counts = control.count_violations()
        is_caught = counts[control.violation] >= control.points
        missed += not is_caught
        reported = ", ".join(f"{name} {count}" for name, count in counts.items()) or "nothing"
        print(f"{'caught' if is_caught else 'MISSED'}  {control.name}", flush=True)
        print(
            f"        reported {reported}; required {control.violation} {control.points}",
            flush=True,
        )
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(exit_code(main))
