"""Write the defects of docs/compat.json: the releases in which each shows, found by running them.

Every release is run, and not bisected: a defect may come, go, and come again.

python tools/compat.py    takes a quarter of an hour; each release is installed once and kept
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from orm_async_tests.postgres.paths import home
from orm_async_tests.versions.bisect import Outcome, Runner
from orm_async_tests.versions.compat import OLDEST, write
from orm_async_tests.versions.known import Known, known_defects
from orm_async_tests.versions.ranges import within
from orm_async_tests.versions.releases import between
from orm_async_tests.versions.search import Search, row, search

COMPAT = Path(__file__).parent.parent / "docs/compat.json"
RUNS = (("asyncpg", "asyncpg"), ("psycopg", "psycopg"), ("sqlalchemy", "asyncpg"))  # on a driver
BESIDE = (  # the same beside an older release, for what shows on no newer one
    ("asyncpg", "asyncpg", ("sqlalchemy", "2.0.36")),
    ("sqlalchemy", "asyncpg", ("asyncpg", "0.31.0")),
)


def main() -> int:
    """Run every script with a defect on the releases of the libraries that the defect names."""
    rows = sorted(defect_rows(), key=lambda each: (each["defect"], each["script"], str(each)))
    write(COMPAT, "defects", rows)
    return 0


def defect_rows() -> Iterator[dict[str, Any]]:
    """A row for each defect, script and library, and for each release beside which it was run."""
    defects = known_defects()
    for library, driver in RUNS:
        wanted = [each for each in defects if library in each.versions]
        wanted = [each for each in wanted if ("psycopg" in each.versions) == (driver == "psycopg")]
        yield from _rows(wanted, library, driver, ())
    for library, driver, (other, release) in BESIDE:
        both = [each for each in defects if {library, other} <= each.versions.keys()]
        wanted = [each for each in both if not within(version(other), each.versions[other])]
        yield from _rows(wanted, library, driver, ((other, release),))


def _rows(
    wanted: list[Known], library: str, driver: str, pins: tuple[tuple[str, str], ...]
) -> Iterator[dict[str, Any]]:
    beside = {"with": dict(pins)} if pins else {}
    for found in searches(wanted, library, driver, pins):
        for defect in found.defects:
            if library in defect.versions:
                yield {**row(found, defect), **beside}


def searches(
    wanted: list[Known], library: str, driver: str, pins: tuple[tuple[str, str], ...]
) -> Iterator[Search]:
    """One for each script of these defects."""
    numbers = sorted({entry.number for each in wanted for entry in each.scripts})
    releases = between(library, OLDEST if library == "sqlalchemy" else None, None)
    run = cache(partial(told, Runner(tuple(numbers), library, driver, home(), pins)))
    for number in numbers:
        one = partial(of_script, run, number)
        alone = Runner((number,), library, driver, home(), pins)
        again = partial(of_script, partial(told, alone), number)
        yield search(number, library, known_defects(), releases, one, releases, again)


def told(run: Runner, release: str) -> dict[int, Outcome]:
    """The outcomes of all scripts on a release, said on standard error too."""
    found = run(release)
    for number, each in found.items():
        said = "; ".join([each.why, *sorted(each.shown)])
        print(f"{run.library} {release:8} test{number:<4} {each.word:8} {said}", file=sys.stderr)
    return found


def of_script(run: Callable[[str], Mapping[int, Outcome]], number: int, release: str) -> Outcome:
    """The outcome of one script on a release."""
    return run(release)[number]


if __name__ == "__main__":
    raise SystemExit(main())
