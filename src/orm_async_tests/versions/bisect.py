"""In which releases of a library a script shows a defect, found with few runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from orm_async_tests.postgres.paths import VARIABLE
from orm_async_tests.versions.releases import NotInstalled, installed

HOLDS, UPSTREAM, BROKEN = "HOLDS", "UPSTREAM", "BROKEN"
NOT_RUN, UNSTABLE = "NOT RUN", "UNSTABLE"
OWN = "bisect"  # the folder of the embedded server that is used
LONGEST = 600  # seconds: a release may hang
TOLD = (HOLDS, UPSTREAM)  # what says something of a defect


@dataclass(frozen=True)
class Outcome:
    """What a script said on one release; shown: the defects that it met, by what goes wrong."""

    word: str
    shown: frozenset[str] = frozenset()
    why: str = ""


Outcomes = Mapping[str, Outcome]  # by version


@dataclass(frozen=True)
class Runner:
    """Runs scripts on releases of one library, all else but what is pinned being installed here.

    On an embedded server of its own, since a run of many minutes would keep others waiting.
    """

    numbers: tuple[int, ...]
    library: str
    driver: str
    home: Path
    pins: tuple[tuple[str, str], ...] = ()  # releases of other libraries
    options: tuple[str, ...] = ()  # of each run

    def __call__(self, version: str) -> dict[int, Outcome]:
        """The outcome of each script on a release; NOT RUN if another one was run."""
        try:
            wanted = ((self.library, version), *self.pins)
            folders = [installed(library, each, self.home) for library, each in wanted]
        except NotInstalled as error:
            return dict.fromkeys(self.numbers, Outcome(NOT_RUN, why=str(error)))
        try:
            done = self._run(folders)
        except subprocess.TimeoutExpired:
            why = f"it did not end within {LONGEST} seconds"
            return dict.fromkeys(self.numbers, Outcome(NOT_RUN, why=why))
        try:
            document = json.loads(done.stdout)
        except json.JSONDecodeError:
            said = done.stderr.strip().splitlines() or ["nothing"]
            why = f"the run exited with {done.returncode}: {said[-1]}"
            return dict.fromkeys(self.numbers, Outcome(NOT_RUN, why=why))
        return outcomes(document, {self.library: version, **dict(self.pins)})

    def _run(self, folders: Sequence[Path]) -> subprocess.CompletedProcess[str]:
        paths = [*map(str, folders), os.environ.get("PYTHONPATH", "")]
        own = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), VARIABLE: str(self.home / OWN)}
        command = (sys.executable, "-m", "orm_async_tests", "run", "--json")
        return subprocess.run(
            [*command, "--driver", self.driver, *self.options, *map(str, self.numbers)],
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )


def outcomes(document: Mapping[str, Any], releases: Mapping[str, str]) -> dict[int, Outcome]:
    """What a run's document says of releases, by script."""
    stack = document["stack"]
    ran = {"sqlalchemy": stack["sqlalchemy"], stack["driver"]: stack["driver_version"]}
    others = [f"{each} {ran.get(each)}" for each in releases if ran.get(each) != releases[each]]
    if not others:
        return {each["number"]: _outcome(each) for each in document["results"]}
    other = Outcome(NOT_RUN, why=f"{' and '.join(others)} was run in its place")
    return {each["number"]: other for each in document["results"]}


def _outcome(result: Mapping[str, Any]) -> Outcome:
    """BROKEN only because a defect shows outside its versions, or not inside them, is no break.

    The versions are what is looked for.
    """
    word, evidence = result["verdict"], result["evidence"]
    shown = frozenset(each["what"] for each in result["defects"])
    if word == BROKEN and shown:
        return Outcome(UPSTREAM, shown)
    if word == BROKEN and evidence and all(each["holds"] for each in evidence):
        return Outcome(HOLDS)
    return Outcome(word, shown, result["reason"] if word in (BROKEN, "SKIPPED") else "")


def bisected(
    versions: Sequence[str], run: Callable[[str], Outcome], first: Iterable[str] = ()
) -> dict[str, Outcome]:
    """The outcomes of one minor line, rising: its ends, what is to be run first, and all changes.

    Between two equal outcomes nothing more is run. NOT RUN equals nothing, and is stepped over.
    """
    wanted = {versions[0], versions[-1], versions[len(versions) // 2], *first}
    known = {each: run(each) for each in versions if each in wanted}
    while pair := _open(versions, known):
        middle = versions[sum(pair) // 2]
        known[middle] = run(middle)
    return {each: known[each] for each in versions if each in known}


def confirmed(outcomes: Outcomes, run: Callable[[str], Outcome]) -> dict[str, Outcome]:
    """The outcomes of a line, those beside a change run again: what differs says nothing."""
    said = [(version, each.word, each.shown) for version, each in outcomes.items()]
    changes = [(one, two) for one, two in pairwise(said) if one[1:] != two[1:]]
    beside = {version for pair in changes for version, word, _ in pair if word in TOLD}
    found = dict(outcomes)
    for version in sorted(beside):
        again = run(version)
        if (again.word, again.shown) != (found[version].word, found[version].shown):
            shown = " and ".join("; ".join(each.shown) for each in (found[version], again))
            found[version] = Outcome(UNSTABLE, why=f"two runs differ: {shown}")
    return found


def _open(versions: Sequence[str], known: Outcomes) -> tuple[int, int] | None:
    """Two that were run and differ, and between which there is something that was not run."""
    tried = [index for index, each in enumerate(versions) if each in known]
    for low, high in pairwise(tried):
        one, two = known[versions[low]], known[versions[high]]
        equal = (one.word, one.shown) == (two.word, two.shown) and one.word != NOT_RUN
        if high - low > 1 and not equal:
            return low, high
    return None


def spans(outcomes: Outcomes, what: str) -> list[tuple[str, bool]]:
    """Whether a defect shows, for each version of a line whose outcome says so."""
    return [
        (version, what in each.shown) for version, each in outcomes.items() if each.word in TOLD
    ]
