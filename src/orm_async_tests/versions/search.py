"""The releases of a library in which a script's defects show, and those of every defect."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orm_async_tests.versions.bisect import BROKEN, TOLD, Outcome, bisected, confirmed, spans
from orm_async_tests.versions.known import Known
from orm_async_tests.versions.ranges import as_ranges
from orm_async_tests.versions.releases import lines

BOUND = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True)
class Search:
    """What was found for one script and one library: the outcomes of each minor line."""

    number: int
    library: str
    defects: tuple[Known, ...]
    lines: tuple[Mapping[str, Outcome], ...]

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """Those of all lines, rising."""
        return {version: each for line in self.lines for version, each in line.items()}

    def ranges(self, defect: Known) -> str:
        """The versions in which a defect shows, as a range; "" if it shows in none."""
        return as_ranges([spans(line, defect.what) for line in self.lines])

    def broken(self) -> str:
        """The versions that break the script in another way, as a range."""
        spans = [[(v, o.word == BROKEN) for v, o in line.items()] for line in self.lines]
        return as_ranges(spans)

    def holds(self) -> str:
        """The versions on which the script holds, but for its known defects, as a range."""
        spans = [[(v, o.word in TOLD) for v, o in line.items()] for line in self.lines]
        return as_ranges(spans)

    def runs(self) -> dict[str, bool]:
        """The releases of which a verdict came, and whether it was BROKEN."""
        return {
            version: each.word == BROKEN
            for version, each in self.outcomes.items()
            if each.word in (*TOLD, BROKEN)
        }


def search(
    number: int,
    library: str,
    defects: Sequence[Known],
    versions: Sequence[str],
    run: Callable[[str], Outcome],
    also: Collection[str] = (),
    again: Callable[[str], Outcome] | None = None,
) -> Search:
    """Bisect each minor line; run what the known ranges end at, its neighbours, and also these.

    What lies beside a change is run again.
    """
    mine = tuple(each for each in defects if any(e.number == number for e in each.scripts))
    found = (bisected(each, run, {*_ends(each, library, mine), *also}) for each in lines(versions))
    return Search(number, library, mine, tuple(confirmed(each, again or run) for each in found))


def _ends(line: Sequence[str], library: str, defects: Sequence[Known]) -> set[str]:
    ranges = " ".join(each.versions.get(library, "") for each in defects)
    at = [line.index(each) for each in BOUND.findall(ranges) if each in line]
    return {line[index] for each in at for index in (each - 1, each) if index >= 0}


def row(found: Search, defect: Known) -> dict[str, Any]:
    """What was found of one defect, as JSON types."""
    return {
        "defect": defect.name,
        "script": found.number,
        "library": found.library,
        "shown": found.ranges(defect),
        "run": [version for version, broken in found.runs().items() if not broken],
    }
