"""Search the releases of a library for those in which the defects of a script show."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orm_async_tests.verdicts import BROKEN
from orm_async_tests.versions.bisection import (
    CONCLUSIVE,
    ReleaseOutcome,
    bisect_line,
    confirm_changes,
    mark_shown,
)
from orm_async_tests.versions.defect_catalogue import KnownDefect
from orm_async_tests.versions.ranges import describe_ranges, format_ranges
from orm_async_tests.versions.releases import split_lines

VERSION = re.compile(r"\d+(?:\.\d+)+")
Run = Callable[[str], ReleaseOutcome]  # by version


@dataclass(frozen=True)
class SearchResult:
    """The outcomes of one script on releases of one library, by minor line."""

    number: int
    library: str
    defects: tuple[KnownDefect, ...]
    lines: tuple[Mapping[str, ReleaseOutcome], ...]

    @property
    def outcomes(self) -> dict[str, ReleaseOutcome]:
        """The outcomes of all lines, oldest release first."""
        return {version: outcome for line in self.lines for version, outcome in line.items()}

    def format_shown(self, defect: KnownDefect) -> str:
        """Return the versions in which a defect shows, as ranges; "" if it shows in none."""
        return format_ranges([mark_shown(line, defect.description) for line in self.lines])

    def describe_shown(self, defect: KnownDefect) -> str:
        """Return the versions that have a defect and those that cure it, as a sentence."""
        return describe_ranges([mark_shown(line, defect.description) for line in self.lines])

    def format_broken(self) -> str:
        """Return the versions that break the script without a known defect, as ranges."""
        return self._format((BROKEN,))

    def format_holding(self) -> str:
        """Return the versions on which the script holds but for known defects, as ranges."""
        return self._format(CONCLUSIVE)

    def _format(self, words: Collection[str]) -> str:
        lines = [[(version, o.word in words) for version, o in line.items()] for line in self.lines]
        return format_ranges(lines)

    def broken_by_version(self) -> dict[str, bool]:
        """Return, for every release that gave a verdict, whether it was BROKEN."""
        return {
            version: outcome.word == BROKEN
            for version, outcome in self.outcomes.items()
            if outcome.word in (*CONCLUSIVE, BROKEN)
        }


def search_releases(
    number: int,
    library: str,
    defects: Sequence[KnownDefect],
    versions: Sequence[str],
    run: Run,
    always: Collection[str] = (),
    confirm: Run | None = None,
) -> SearchResult:
    """Bisect every minor line of `versions` for one script, and return the outcomes.

    The versions in `always`, those at which a declared range ends, and their neighbors are run in
    any case. Releases beside a change are run again, by `confirm` or else by `run`.
    """
    shown = tuple(d for d in defects if any(script.number == number for script in d.scripts))
    lines = []
    for line in split_lines(versions):
        outcomes = bisect_line(line, run, {*_find_ends(line, library, shown), *always})
        lines.append(confirm_changes(outcomes, confirm or run))
    return SearchResult(number, library, shown, tuple(lines))


def _find_ends(line: Sequence[str], library: str, defects: Sequence[KnownDefect]) -> set[str]:
    ranges = " ".join(defect.versions.get(library, "") for defect in defects)
    return find_neighbors(ranges, line)


def find_neighbors(text: str, versions: Sequence[str]) -> set[str]:
    """Return the versions that a text names, and their predecessors."""
    indexes = [versions.index(name) for name in VERSION.findall(text) if name in versions]
    return {versions[at] for index in indexes for at in (index - 1, index) if at >= 0}


def format_row(result: SearchResult, defect: KnownDefect) -> dict[str, Any]:
    """Return what a search showed about one defect, as JSON types."""
    return {
        "defect": defect.name,
        "script": result.number,
        "library": result.library,
        "shown": result.format_shown(defect),
        "run": [version for version, broken in result.broken_by_version().items() if not broken],
    }
