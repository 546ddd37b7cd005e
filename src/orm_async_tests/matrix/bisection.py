"""Finds out by bisection which releases of a library have a defect."""

import asyncio
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

from orm_async_tests.matrix.plans import Plan
from orm_async_tests.matrix.stack_runs import Slot, run_stack
from orm_async_tests.verdicts import BROKEN, HOLDS, NOT_RUN, SKIPPED, UPSTREAM
from orm_async_tests.versions.defect_catalogue import KnownDefect
from orm_async_tests.versions.ranges import describe_ranges, format_ranges
from orm_async_tests.versions.releases import group_by_minor_version

UNSTABLE = "UNSTABLE"  # two runs of one release differ
CONCLUSIVE = (HOLDS, UPSTREAM)  # verdicts that say whether a defect shows
FOLDER = "bisect"  # the folder of the embedded server
RUN_TIMEOUT = 600  # seconds: a script may hang on a release
VERSION = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True)
class ReleaseOutcome:
    verdict: str
    defects: frozenset[str] = frozenset()  # the descriptions of the defects that the script showed
    why: str = field(default="", compare=False)  # the outcome says nothing about a defect


Outcomes = Mapping[str, ReleaseOutcome]  # by version, oldest first
Run = Callable[[str], ReleaseOutcome]  # by version
RunScripts = Callable[[str], Mapping[int, ReleaseOutcome]]  # outcomes by script number


@dataclass(frozen=True)
class Runner:
    """Runs scripts on the releases of a library, with a separate embedded server."""

    numbers: tuple[int, ...]
    library: str
    driver: str
    pins: tuple[tuple[str, str], ...] = ()  # versions of other packages
    options: tuple[str, ...] = ()  # of the command `run`

    def __call__(self, version: str) -> dict[int, ReleaseOutcome]:
        """Run the scripts on a release, and return the outcomes by script number."""
        return asyncio.run(self._run({self.library: version, **dict(self.pins)}))

    async def _run(self, releases: dict[str, str]) -> dict[int, ReleaseOutcome]:
        plan = Plan(driver=self.driver, **releases)
        slot = Slot(FOLDER, RUN_TIMEOUT, self.options)
        runs = run_stack(plan, self.numbers, slot)
        return {item["number"]: read_outcome(stack, item, releases) async for stack, item in runs}


def read_outcome(
    stack: Mapping[str, str], item: Mapping[str, Any], releases: Mapping[str, str]
) -> ReleaseOutcome:
    """Return the outcome of a script, but ignore the version ranges that it declares.

    A bisection searches for the correct version ranges.
    """
    if not stack:
        return ReleaseOutcome(NOT_RUN, why=item["reason"])
    ran = {"sqlalchemy": stack["sqlalchemy"], stack["driver"]: stack["driver_version"]}
    others = [f"{name} {ran.get(name)}" for name in releases if ran.get(name) != releases[name]]
    if others:
        return ReleaseOutcome(NOT_RUN, why=f"the run used {' and '.join(others)} instead")
    verdict, evidence = item["verdict"], item["evidence"]
    defects = frozenset(defect["description"] for defect in item["defects"])
    if verdict == BROKEN and defects:
        return ReleaseOutcome(UPSTREAM, defects)
    if verdict == BROKEN and evidence and all(assertion["holds"] for assertion in evidence):
        return ReleaseOutcome(HOLDS)
    return ReleaseOutcome(verdict, defects, item["reason"] if verdict in (BROKEN, SKIPPED) else "")


def bisect_minor_version(versions: Sequence[str], run: Run, first: Iterable[str] = ()) -> Outcomes:
    """Run a script on some releases of a minor version, and return the outcomes.

    Run the script first on the oldest, the middle and the newest release, and on the releases in
    `first`. If the outcomes of two releases differ, bisect the releases between them.
    """
    start = {versions[0], versions[-1], versions[len(versions) // 2], *first}
    outcomes = {version: run(version) for version in versions if version in start}
    while pair := _find_gap(versions, outcomes):
        middle = versions[sum(pair) // 2]
        outcomes[middle] = run(middle)
    return {version: outcomes[version] for version in versions if version in outcomes}


def confirm_changes(outcomes: Outcomes, run: Run) -> Outcomes:
    """Run the script again on adjacent releases with different outcomes, and return all outcomes.

    A release with two different results becomes UNSTABLE.
    """
    beside = {
        version
        for pair in pairwise(outcomes.items())
        for version, outcome in pair
        if pair[0][1] != pair[1][1] and outcome.verdict in CONCLUSIVE
    }
    confirmed = dict(outcomes)
    for version in sorted(beside):
        first, second = outcomes[version], run(version)
        if first != second:
            texts = " and ".join("; ".join(outcome.defects) for outcome in (first, second))
            confirmed[version] = ReleaseOutcome(UNSTABLE, why=f"two runs differ: {texts}")
    return confirmed


def _find_gap(versions: Sequence[str], outcomes: Outcomes) -> tuple[int, int] | None:
    indexes = [index for index, version in enumerate(versions) if version in outcomes]
    for low, high in pairwise(indexes):
        older, newer = outcomes[versions[low]], outcomes[versions[high]]
        if high - low > 1 and (older.verdict == NOT_RUN or older != newer):
            return low, high
    return None


def mark_shown(outcomes: Outcomes, description: str) -> list[tuple[str, bool]]:
    """Pair each release with True if the release shows the defect, and otherwise with False.

    Skip releases without a clear result.
    """
    return [
        (version, description in outcome.defects)
        for version, outcome in outcomes.items()
        if outcome.verdict in CONCLUSIVE
    ]


@dataclass(frozen=True)
class SearchResult:
    """The outcomes of one script on the releases of one library."""

    number: int
    library: str
    defects: tuple[KnownDefect, ...]
    minor_versions: tuple[Outcomes, ...]

    @property
    def outcomes(self) -> dict[str, ReleaseOutcome]:
        return dict(chain.from_iterable(outcomes.items() for outcomes in self.minor_versions))

    def _mark_shown(self, defect: KnownDefect) -> list[list[tuple[str, bool]]]:
        return [mark_shown(outcomes, defect.description) for outcomes in self.minor_versions]

    def format_shown(self, defect: KnownDefect) -> str:
        return format_ranges(self._mark_shown(defect))

    def describe_shown(self, defect: KnownDefect) -> str:
        return describe_ranges(self._mark_shown(defect))

    def format_verdicts(self, *verdicts: str) -> str:
        return format_ranges(
            [
                [(version, outcome.verdict in verdicts) for version, outcome in outcomes.items()]
                for outcomes in self.minor_versions
            ]
        )


def search_releases(
    number: int,
    library: str,
    defects: Sequence[KnownDefect],
    versions: Sequence[str],
    run: RunScripts,
    always: Collection[str] = (),
    confirm: RunScripts | None = None,
) -> SearchResult:
    """Bisect the releases of a library, one minor version at a time.

    The script always runs on the releases in `always`, and on the releases with which a known
    defect begins or ends. The function `confirm`, by default `run`, runs the script again on
    adjacent releases with different outcomes.
    """
    shown = tuple(d for d in defects if any(script.number == number for script in d.scripts))
    ranges = " ".join(defect.versions.get(library, "") for defect in shown)
    run_again, confirmed = confirm or run, []
    for group in group_by_minor_version(versions):
        first = {*find_neighbors(ranges, group), *always}
        outcomes = bisect_minor_version(group, lambda version: run(version)[number], first)
        confirmed.append(confirm_changes(outcomes, lambda version: run_again(version)[number]))
    return SearchResult(number, library, shown, tuple(confirmed))


def find_neighbors(text: str, versions: Sequence[str]) -> set[str]:
    """Return the versions that a text names, and the release before each of them."""
    indexes = [versions.index(name) for name in VERSION.findall(text) if name in versions]
    return {versions[at] for index in indexes for at in (index - 1, index) if at >= 0}


def format_row(result: SearchResult, defect: KnownDefect) -> dict[str, Any]:
    return {
        "defect": defect.name,
        "script": result.number,
        "library": result.library,
        "shown": result.format_shown(defect),
        "run": [v for v, outcome in result.outcomes.items() if outcome.verdict in CONCLUSIVE],
    }
