"""The subcommand `orm-async-tests bisect`, which finds the releases that show a defect."""

import argparse
import json
import sys
from collections.abc import Iterator

from orm_async_tests import catalogue
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.matrix.bisection import (
    ReleaseOutcome,
    Runner,
    SearchResult,
    format_row,
    search_releases,
)
from orm_async_tests.stack_options import DRIVERS
from orm_async_tests.verdicts import FAILING, NOT_RUN, SKIPPED
from orm_async_tests.versions.defect_catalogue import load_known_defects, upstream_entry
from orm_async_tests.versions.pins import parse_release
from orm_async_tests.versions.ranges import KNOWN_FROM
from orm_async_tests.versions.releases import find_release, releases_between


def bisect(arguments: argparse.Namespace) -> int:
    """Search releases for defects, and return 1 if the script fails on a release."""
    script = catalogue.select_one(arguments.number)
    library = arguments.library
    driver = _choose_driver(library, arguments.driver)
    pins = tuple(_parse_pin(text, library) for text in vars(arguments)["with"])
    versions = releases_between(library, arguments.since, arguments.until)
    runner = Runner((script.number,), library, driver, pins)

    def run(version: str) -> dict[int, ReleaseOutcome]:
        print(f"running {version}", file=sys.stderr)
        return runner(version)

    always = versions if arguments.every else ()
    result = search_releases(script.number, library, load_known_defects(), versions, run, always)
    if arguments.json:
        rows = [
            {**format_row(result, defect), "sentence": result.describe_shown(defect)}
            for defect in result.defects
        ]
        print(json.dumps(rows, indent=2))
    else:
        print("\n".join(_report_lines(result, script, f"{len(versions)} releases of {library}")))
    if not _count_runs(result):  # this must not look like success
        reason = next(iter(result.outcomes.values())).why
        problem = f"the script ran on none of these releases: {reason}"
        remedy = f"choose other releases, for example --since {KNOWN_FROM[library]}"
        raise CouldNotRun(problem, f"{library} {versions[0]}", remedy)
    if arguments.entry:
        print("\n".join(_entry_lines(result)))
    return int(bool(result.format_verdicts(*FAILING)))


def _count_runs(result: SearchResult) -> int:
    return sum(outcome.verdict not in (NOT_RUN, SKIPPED) for outcome in result.outcomes.values())


def _choose_driver(library: str, wanted: str | None) -> str:
    driver = wanted or (library if library in DRIVERS else DRIVERS[0])
    if driver not in DRIVERS or (library in DRIVERS and driver != library):
        raise CouldNotRun(
            f"{driver} is not a driver for releases of {library}",
            "--driver",
            f"omit --driver, or add --library sqlalchemy --driver {DRIVERS[-1]}",
        )
    return driver


def _parse_pin(text: str, bisected: str) -> tuple[str, str]:
    name, version = parse_release(text, "--with")
    if name not in KNOWN_FROM or name == bisected:
        other = next(library for library in KNOWN_FROM if library != bisected)
        problem = f"{text!r} does not name a release of a library other than {bisected}"
        raise CouldNotRun(problem, "--with", f"--with {other}==VERSION")
    return name, find_release(name, version, "--with")


def _report_lines(result: SearchResult, script: ScriptFile, releases: str) -> Iterator[str]:
    yield f"{script.command}  {script.claim}"
    yield f"{_count_runs(result)} of {releases} were run"
    names = {defect.description: defect.name for defect in result.defects}
    for version, outcome in result.outcomes.items():
        shown = ", ".join(sorted(names[description] for description in outcome.defects))
        yield f"  {version:8}  {outcome.verdict:8}  {outcome.why or shown}".rstrip()
    yield ""
    for defect in result.defects:
        yield f"{defect.description}: {result.describe_shown(defect)}"
    if broken := result.format_verdicts(*FAILING):
        yield f"the script is broken without a known defect on {result.library} {broken}"
    elif not result.defects and _count_runs(result):
        yield f"{script.command} shows no known defect, and no release breaks it"


def _entry_lines(result: SearchResult) -> Iterator[str]:
    for defect in result.defects:
        ranges = result.format_shown(defect)
        versions = {**defect.versions, result.library: ranges}
        yield ""
        if ranges:
            yield upstream_entry(defect.description, versions, defect.link, defect.severity)
        else:
            yield f"# none of these releases has this defect: {defect.description}"
    if broken := result.format_verdicts(*FAILING):
        yield ""
        yield upstream_entry("<what goes wrong>", {result.library: broken}, "https://...")
