"""Write the claims of docs/compat.json: the releases on which each holds, found by running them.

Each script is run at the ends and in the middle of each minor line, and wherever that differs. One
that is about a newer SQLAlchemy is run on the older ones too, where it has to be broken, and beside
the releases that its SINCE names.
"""

import sys
from collections.abc import Callable, Collection, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from orm_async_tests import catalogue, db
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.postgres.paths import home
from orm_async_tests.versions.bisect import HOLDS, TOLD, Outcome, Runner
from orm_async_tests.versions.compat import OLDEST, write
from orm_async_tests.versions.releases import between, lines
from orm_async_tests.versions.search import BOUND, Search, search

COMPAT = Path(__file__).parent.parent / "docs/compat.json"
LIBRARY = "sqlalchemy"
SKIPPED = "SKIPPED"
Run = Callable[[str], dict[int, Outcome]]


def main() -> int:
    """Run every script on some releases of SQLAlchemy, and where they differ on more of them."""
    write(COMPAT, "claims", claim_rows())
    return 0


def claim_rows() -> list[dict[str, Any]]:
    """A row for all scripts that hold on the same releases."""
    found: dict[tuple[str, str], list[int]] = {}
    for each in claims():
        told = [v for v, o in each.outcomes.items() if o.word not in (SKIPPED, "NOT RUN")]
        if told:  # else it needs something that is not here
            found.setdefault((each.holds(), " ".join(told)), []).append(each.number)
    rows = sorted((numbers, holds, told) for (holds, told), numbers in found.items())
    return [{"scripts": one, "holds": two, "run": three.split()} for one, two, three in rows]


def claims() -> Iterator[Search]:
    """Where each script holds."""
    entries = catalogue.read_scripts()
    releases = between(LIBRARY, OLDEST, None)
    every = cache(partial(outcomes, tuple(each.number for each in entries)))
    ends = {line[at] for line in lines(releases) for at in (0, len(line) // 2, -1)}
    for entry in entries:
        own = partial(outcomes, (entry.number,))
        one = partial(outcome, entry.number, every, ends, own)
        again = partial(outcome, entry.number, own, (), own)
        yield search(entry.number, LIBRARY, (), releases, one, beside(entry, releases), again)


def outcome(number: int, every: Run, ends: Collection[str], own: Run, version: str) -> Outcome:
    """What a script says on a release, from the run of all scripts where there is one.

    A known defect is none of its claim's: those have their own versions.
    """
    found = (every if version in ends else own)(version)[number]
    return Outcome(HOLDS) if found.word in TOLD else found


def outcomes(numbers: tuple[int, ...], version: str) -> dict[int, Outcome]:
    """What scripts say on a release, on the first driver that they are about."""
    found = dict.fromkeys(numbers, Outcome(SKIPPED))
    for driver in db.DRIVERS:
        left = tuple(number for number, each in found.items() if each.word == SKIPPED)
        if left:
            found |= Runner(left, LIBRARY, driver, home(), options=("--anyway",))(version)
    print(version, *(f"test{n} {o.word} {o.why}" for n, o in found.items()), file=sys.stderr)
    return found


def beside(entry: ScriptFile, releases: list[str]) -> set[str]:
    """The releases that a script's SINCE names, and those before them."""
    at = [releases.index(each) for each in BOUND.findall(entry.since or "") if each in releases]
    return {releases[index] for each in at for index in (each - 1, each) if index >= 0}


if __name__ == "__main__":
    raise SystemExit(main())
