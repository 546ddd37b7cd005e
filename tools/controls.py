"""Faults that must be found: sweeps of what is known to be wrong, mostly on old releases.

A sweep that finds nothing proves something only if it finds what is there. Each control is such a
sweep and what it has to find; one that does not is a failure.

python tools/controls.py           every control
python tools/controls.py COPY      those whose name has this word
"""

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
from orm_async_tests.versions.releases import NotInstalled, installed

ROOT = Path(__file__).parent.parent
LONGEST = 600  # seconds
BUSY_LOAD = "tools.controls:load_in_a_busy_loop"
BUSY = 3_000_000  # additions: the loop is busy for some hundredths of a second


@dataclass(frozen=True)
class Control:
    """A sweep, on these releases, and at how many points it has to find which violation."""

    name: str
    sweep: tuple[str, ...]  # the arguments of orm-async-tests faults
    finds: str
    points: int
    releases: Mapping[str, str] = field(default_factory=dict)

    def seen(self) -> Counter[str]:
        """How often the sweep finds each violation. Raises CouldNotRun."""
        done = subprocess.run(
            [sys.executable, "-m", "orm_async_tests", "faults", "--json", *self.sweep],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(self._folders())},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            timeout=LONGEST,
        )
        if done.returncode not in (0, 1):
            raise CouldNotRun(f"its sweep ended with {done.returncode}", self.name, "see above")
        return Counter(self._violations(json.loads(done.stdout)))

    def _folders(self) -> Iterator[str]:
        for library, release in self.releases.items():
            try:
                yield str(installed(library, release, home()))
            except NotInstalled as error:
                remedy = f"{sys.executable} -m pip download {library}=={release}"
                raise CouldNotRun(str(error), self.name, remedy) from None

    def _violations(self, document: Mapping[str, Any]) -> Iterator[str]:
        for library, release in self.releases.items():
            if document["stack"][library] != release:
                other = f"{library} {document['stack'][library]} was swept in its place"
                raise CouldNotRun(other, self.name, f"nothing on PYTHONPATH with {library}")
        for cell in document["cells"]:
            for each in cell["violations"]:
                yield from each["broken"]


CONTROLS = (
    Control(
        "COPY before BEGIN is kept in part",
        ("--pattern", "copy_first", "--fault", "cancel"),
        "partly",
        6,
    ),
    Control(
        "SQLAlchemy 2.0.36 loses a connection that is cancelled while it is made",
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
    """An executemany that comes after a busy time of the event loop."""

    def keep_busy(*_: Any) -> None:
        sum(range(BUSY))

    async with engine.begin() as connection:
        event.listen(connection.sync_connection, "before_cursor_execute", keep_busy)
        await connection.execute(text("SELECT :n"), [{"n": str(n)} for n in range(100)])


def chosen(words: Sequence[str]) -> list[Control]:
    """The controls whose names have one of these words, or all of them. Raises CouldNotRun."""
    found = [each for each in CONTROLS if any(word in each.name for word in words or [""])]
    if not found:
        names = "; ".join(each.name for each in CONTROLS)
        raise CouldNotRun(f"no control is named {' or '.join(words)}", "its arguments", names)
    return found


def main() -> int:
    """Run the controls; 1 if one of them was not caught."""
    missed = 0
    for control in chosen(sys.argv[1:]):
        seen = control.seen()
        caught = seen[control.finds] >= control.points
        missed += not caught
        found = ", ".join(f"{name} {count}" for name, count in seen.items()) or "nothing"
        print(f"{'caught' if caught else 'MISSED'}  {control.name}", flush=True)
        print(f"        found {found}; required {control.finds} {control.points}", flush=True)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(exit_code(main))
