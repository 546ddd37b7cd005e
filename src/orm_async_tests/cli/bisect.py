"""orm-async-tests bisect: in which releases of a library a script shows a defect."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from orm_async_tests import catalogue, db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres.paths import home
from orm_async_tests.versions.entries import upstream

if TYPE_CHECKING:
    from orm_async_tests.versions.bisect import Outcome, Runner
    from orm_async_tests.versions.known import Known
    from orm_async_tests.versions.search import Search

LIBRARIES = ("sqlalchemy", "asyncpg", "psycopg")


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = commands.add_parser("bisect", help="the releases in which a script shows a defect")
    parser.add_argument("number", metavar="NUMBER", help="of a script, such as 38")
    parser.add_argument("--library", choices=LIBRARIES, default=LIBRARIES[0])
    parser.add_argument("--since", metavar="2.0.50", help="the first release (default: declared)")
    parser.add_argument("--until", metavar="2.1.9", help="the last release (default: declared)")
    parser.add_argument("--every", action="store_true", help="run every release between them")
    parser.add_argument("--driver", metavar="NAME", help=" or ".join(db.DRIVERS))
    beside = "a release of another library beside them, such as asyncpg==0.31.0"
    parser.add_argument("--with", action="append", default=[], dest="pins", help=beside)
    parser.add_argument("--json", action="store_true", dest="as_json", help="the ranges as JSON")
    parser.set_defaults(run=bisect)


def bisect(arguments: argparse.Namespace) -> int:
    """Print each run, and the ranges that they show; 1 if a release breaks the script."""
    from orm_async_tests.versions import known
    from orm_async_tests.versions.bisect import Runner
    from orm_async_tests.versions.releases import between
    from orm_async_tests.versions.search import row, search

    entry = _entry(arguments.number)
    library = arguments.library
    driver = _driver(library, arguments.driver)
    versions = between(library, arguments.since, arguments.until)
    pins = tuple(_pin(text, library) for text in arguments.pins)
    run = _telling(Runner((entry.number,), library, driver, home(), pins), entry.number)
    also = versions if arguments.every else ()
    found = search(entry.number, library, known.known_defects(), versions, run, also)
    if arguments.as_json:
        print(json.dumps([row(found, each) for each in found.defects], indent=2))
    else:
        print("\n".join(_told(found, entry, len(versions))))
    return int(any(found.runs().values()))


def _driver(library: str, asked: str | None) -> str:
    """The driver that the script runs on: the library, if it is one."""
    driver = asked or (library if library in db.DRIVERS else db.DRIVERS[0])
    if driver not in db.DRIVERS or (library in db.DRIVERS and driver != library):
        raise CouldNotRun(
            f"{driver} is not a driver that shows releases of {library}",
            "--driver",
            f"leave it out, or --library sqlalchemy --driver {db.DRIVERS[-1]}",
        )
    return driver


def _pin(text: str, bisected: str) -> tuple[str, str]:
    """A library and its release."""
    name, _, version = text.partition("==")
    if name not in LIBRARIES or name == bisected or not version:
        other = next(each for each in LIBRARIES if each != bisected)
        what = f"{text!r} is not a release beside those of {bisected}"
        raise CouldNotRun(what, "--with", f"--with {other}==VERSION")
    return name, version


def _entry(number: str) -> catalogue.ScriptFile:
    entries = catalogue.select([number])
    if len(entries) > 1:
        raise CouldNotRun(
            f"{number} names {len(entries)} scripts, and one is bisected",
            "the command line",
            f"orm-async-tests bisect {entries[0].number}",
        )
    return entries[0]


def _telling(run: "Runner", number: int) -> Callable[[str], "Outcome"]:
    """A run of the script, which says on standard error what is run, since each takes seconds."""

    def told(version: str) -> "Outcome":
        print(f"running {version}", file=sys.stderr)
        return run(version)[number]

    return told


def _told(found: "Search", entry: catalogue.ScriptFile, releases: int) -> Iterator[str]:
    yield f"{entry.command}  {entry.claim}"
    yield f"{len(found.outcomes)} of {releases} releases of {found.library} were tried"
    names = {each.what: each.name for each in found.defects}
    for version, each in found.outcomes.items():
        shown = ", ".join(sorted(names[what] for what in each.shown))
        yield f"  {version:8}  {each.word:8}  {each.why or shown}".rstrip()
    for defect in found.defects:
        yield ""
        yield _upstream(found.library, found.ranges(defect), defect)
    if broken := found.broken():
        yield ""
        yield upstream("<what goes wrong>", {found.library: broken}, "https://...")


def _upstream(library: str, ranges: str, defect: "Known") -> str:
    """An entry for the script, with the ranges that were found of this library."""
    if not ranges:
        return f"# in none of these releases: {defect.what}"
    return upstream(defect.what, {**defect.versions, library: ranges}, defect.link)
