"""Write docs/compat.json by running the scripts on releases of SQLAlchemy and its drivers.

`python tools/compat.py defects [NUMBER...]` finds the releases that have a known defect.
`python tools/compat.py claims [NUMBER...]` finds the SQLAlchemy releases on which a claim holds.

With numbers, the program replaces only the rows of the scripts with these numbers. Without numbers,
the program runs all scripts, which takes a quarter of an hour. The program installs each release
once, and keeps the installation.
"""

import argparse
import json
import platform
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from orm_async_tests import catalogue
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.command_options import CommandParser
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.exit_codes import run_command
from orm_async_tests.matrix.bisection import (
    CONCLUSIVE,
    ReleaseOutcome,
    Runner,
    RunScripts,
    SearchResult,
    find_neighbors,
    format_row,
    search_releases,
)
from orm_async_tests.stack_options import DRIVERS
from orm_async_tests.verdicts import HOLDS, NOT_RUN, SKIPPED
from orm_async_tests.versions.defect_catalogue import KnownDefect, load_known_defects
from orm_async_tests.versions.ranges import KNOWN_FROM, within
from orm_async_tests.versions.releases import group_by_minor_version, releases_between

COMPAT = Path(__file__).parent.parent / "docs/compat.json"
SCHEMA = 2  # increase it with every incompatible change
PARTS = ("claims", "defects")
LIBRARY = "sqlalchemy"  # the library of the claims
Pins = tuple[tuple[str, str], ...]
SEARCHES: tuple[tuple[str, str, Pins], ...] = (  # a library, its driver, and pins of another one
    ("asyncpg", "asyncpg", ()),
    ("psycopg", "psycopg", ()),
    ("sqlalchemy", "asyncpg", ()),
    ("asyncpg", "asyncpg", (("sqlalchemy", "2.0.36"),)),  # some defects need two old releases
    ("sqlalchemy", "asyncpg", (("asyncpg", "0.31.0"),)),
)
Rows = list[dict[str, Any]]


def main() -> int:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("scripts", nargs="*", metavar="NUMBER", help="for example 38")
    arguments = parser.parse_args()
    part, words = arguments.part, arguments.scripts
    scripts = catalogue.select(words)
    versions = {library: version(library) for library in KNOWN_FROM}
    stack = {"python": platform.python_version(), **versions}
    document = json.loads(COMPAT.read_text("utf-8"))
    stored = document[part]
    if words and stored["stack"] != stack:
        raise CouldNotRun(
            f"the other rows come from another environment: {stored['stack']}",
            str(COMPAT),
            f"python tools/compat.py {part}, which writes all rows",
        )
    update = update_defects if part == "defects" else update_claims
    document[part] = {"stack": stack, "rows": update(stored["rows"] if words else [], scripts)}
    COMPAT.write_text(format_document(document), "utf-8")
    return 0


def format_document(document: Mapping[str, Any]) -> str:
    lines = [f'  "schema": {SCHEMA}']
    for name in PARTS:
        rows = ",\n".join(f"      {json.dumps(row)}" for row in document[name]["rows"])
        stack = json.dumps(document[name]["stack"])
        lines.append(f'  "{name}": {{\n    "stack": {stack},\n    "rows": [\n{rows}\n    ]\n  }}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def update_defects(rows: Rows, scripts: Collection[ScriptFile]) -> Rows:
    """Run the scripts on every release, and return the updated rows about defects."""
    numbers = {script.number for script in scripts}
    updated = [row for row in rows if row["script"] not in numbers]
    for library, driver, pins in SEARCHES:
        row_end = {"with": dict(pins)} if pins else {}
        for result in search_defects(numbers, library, driver, pins):
            for defect in result.defects:
                if library in defect.versions:
                    updated.append({**format_row(result, defect), **row_end})
    return sorted(updated, key=lambda row: (row["defect"], row["script"], str(row)))


def needs_search(defect: KnownDefect, library: str, driver: str, pins: Pins) -> bool:
    """Return whether to search the releases of `library` for a defect."""
    versions = defect.versions
    if pins:
        [(other, _)] = pins  # an old release, which only some defects need
        return {library, other} <= versions.keys() and not within(version(other), versions[other])
    return library in versions and ("psycopg" in versions) == (driver == "psycopg")


def search_defects(
    numbers: Collection[int], library: str, driver: str, pins: Pins
) -> Iterator[SearchResult]:
    defects = load_known_defects()
    wanted = [defect for defect in defects if needs_search(defect, library, driver, pins)]
    showing = sorted({script.number for d in wanted for script in d.scripts} & {*numbers})
    releases = releases_between(library, None, None) if showing else []
    run = cache(partial(report_run, Runner(tuple(showing), library, driver, pins)))
    for number in showing:
        confirm = partial(report_run, Runner((number,), library, driver, pins))
        # A bisection would miss a defect that came back after a fix, so run every release.
        yield search_releases(number, library, defects, releases, run, releases, confirm)


def report_run(runner: Runner, release: str) -> Mapping[int, ReleaseOutcome]:
    outcomes = runner(release)
    for number, outcome in outcomes.items():
        text = "; ".join([outcome.why, *sorted(outcome.defects)])
        head = f"{runner.library} {release:8} test{number:<4} {outcome.verdict:8}"
        print(head, text, file=sys.stderr)
    return outcomes


def update_claims(rows: Rows, scripts: Collection[ScriptFile]) -> Rows:
    """Run the scripts, and return the updated rows about claims.

    A row contains the scripts that hold on the same releases.
    """
    numbers_by_releases = defaultdict[tuple[str, ...], list[int]](list)
    numbers = {script.number for script in scripts}
    for row in rows:
        kept = [number for number in row["scripts"] if number not in numbers]
        numbers_by_releases[row["holds"], *row["run"]] += kept
    for result in run_claims(scripts):
        run = [
            release
            for release, outcome in result.outcomes.items()
            if outcome.verdict not in (SKIPPED, NOT_RUN)
        ]
        if run:  # otherwise the script needs something that this machine lacks
            numbers_by_releases[result.format_verdicts(*CONCLUSIVE), *run].append(result.number)
    ordered = sorted((sorted(them), *key) for key, them in numbers_by_releases.items() if them)
    return [{"scripts": them, "holds": holds, "run": run} for them, holds, *run in ordered]


def run_claims(scripts: Collection[ScriptFile]) -> Iterator[SearchResult]:
    """Yield the releases on which each script holds.

    Run each script on the first, the middle and the last release of every minor version. If the
    results differ, run the script on more releases.
    """
    releases = releases_between(LIBRARY, None, None)
    run_all = cache(partial(run_on_drivers, tuple(script.number for script in scripts)))
    groups = group_by_minor_version(releases)
    usual = {group[at] for group in groups for at in (0, len(group) // 2, -1)}

    def run_claim(alone: RunScripts, release: str) -> Mapping[int, ReleaseOutcome]:
        return run_all(release) if release in usual else alone(release)

    for script in scripts:
        alone = partial(run_on_drivers, (script.number,))
        run = partial(run_claim, alone)
        # A script with SINCE must hold on that release, and be BROKEN on the release before it.
        since = find_neighbors(script.since or "", releases)
        yield search_releases(script.number, LIBRARY, (), releases, run, since, alone)


def run_on_drivers(numbers: tuple[int, ...], release: str) -> dict[int, ReleaseOutcome]:
    """Run the scripts, and repeat skipped scripts with the next driver.

    Ignore which defects a script shows, because a claim holds in spite of its defects.
    """
    outcomes = dict.fromkeys(numbers, ReleaseOutcome(SKIPPED))
    for driver in DRIVERS:
        skipped = tuple(number for number in numbers if outcomes[number].verdict == SKIPPED)
        if skipped:
            runner = Runner(skipped, LIBRARY, driver, options=("--anyway",))
            outcomes |= report_run(runner, release)
    return {
        number: ReleaseOutcome(HOLDS) if outcome.verdict in CONCLUSIVE else outcome
        for number, outcome in outcomes.items()
    }


if __name__ == "__main__":
    raise SystemExit(run_command(main))
