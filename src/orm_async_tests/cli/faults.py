"""orm-async-tests faults: a fault at every point of a piece of work, and what it leaves behind."""

import argparse
import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun

if TYPE_CHECKING:
    from orm_async_tests.faults.report import Cell
    from orm_async_tests.harness.upstream import Upstream

LEGEND = "N: points  !: violations  =: known defects  ?: unresolved"


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    from orm_async_tests.harness.loops import DEFAULT, UVLOOP

    parser = commands.add_parser("faults", help="a fault at every await and message of a pattern")
    pattern = "such as transfer, or one's own as module:function (again for more; default: all)"
    parser.add_argument("--pattern", action="append", default=[], metavar="NAME", help=pattern)
    rows = "numbers that one's own pattern changes, such as 'select count(*) from orders'"
    parser.add_argument("--rows", metavar="SQL", help=rows)
    fault = "such as cancel, docs/faults.md has them (again for more; default: the quick ones)"
    parser.add_argument("--fault", action="append", default=[], metavar="KIND", help=fault)
    parser.add_argument("--point", metavar="TOKEN", help="this point alone, as a failure names it")
    parser.add_argument("--db", dest="db_", metavar="URL", help="embedded, compose, or a URL")
    parser.add_argument("--driver", metavar="NAME", help=" or ".join(db.DRIVERS))
    loops = f"{DEFAULT} or {UVLOOP}"
    parser.add_argument("--loop", metavar="NAME", default=DEFAULT, help=loops)
    parser.add_argument("--json", action="store_true", dest="as_json", help="the cells as JSON")
    parser.set_defaults(run=faults)


def faults(arguments: argparse.Namespace) -> int:
    """Sweep, print what was found, and return 1 if a violation has no known reason."""
    if arguments.point:
        return _again(arguments)
    from orm_async_tests.faults import known, report
    from orm_async_tests.faults.first import sweep_and_remember
    from orm_async_tests.faults.runs import chosen, chosen_kinds
    from orm_async_tests.faults.sweeping import libraries
    from orm_async_tests.harness.loops import factory
    from orm_async_tests.postgres.paths import home

    patterns = chosen(arguments.pattern, arguments.rows)
    kinds = chosen_kinds(arguments.fault, patterns)
    loop, started = arguments.loop, time.perf_counter()
    with (
        db.open_database(arguments.db_, arguments.driver) as database,
        asyncio.Runner(loop_factory=factory(loop)) as runner,
    ):
        print(f"db: {database.label}, {database.driver}, {loop}", file=sys.stderr)
        stack = libraries(database.driver)
        sweep = sweep_and_remember(patterns, database, kinds, loop, stack, home(), _tell, _say)
        cells = runner.run(sweep)
    missing = list(known.absent(cells, stack))
    found = report.Report(cells)
    if arguments.as_json:
        document = report.document(found, {**stack, "loop": loop})
        print(json.dumps(document, indent=2))
    else:
        print("\n".join([*report.table(found), LEGEND, ""]))
        _explain(found.expected, missing)
        print(f"{found} in {time.perf_counter() - started:.0f} s")
    return int(bool(found.violating or missing))


def _again(arguments: argparse.Namespace) -> int:
    """Run one point again, and print all that was seen there."""
    from orm_async_tests.faults.outcome import parse
    from orm_async_tests.faults.remembered import remembered
    from orm_async_tests.faults.runs import chosen, places_for, rerun
    from orm_async_tests.harness.loops import factory
    from orm_async_tests.postgres.paths import home

    point = parse(arguments.point)
    if point.driver not in db.DRIVERS:
        raise CouldNotRun(f"{point.driver!r} is not a driver", "--point", "a token of the output")
    [pattern] = chosen([point.work], arguments.rows)
    with (
        db.open_database(arguments.db_, point.driver) as database,
        places_for(database, [point.fault.kind]) as places,
        asyncio.Runner(loop_factory=factory(point.loop)) as runner,
    ):
        seen = runner.run(rerun(pattern, places[point.fault.kind], point))
    if not seen.violations:
        remembered(home(), pattern.name, point.driver, point.loop).forget(point)
    print(f"{point.token} at {seen.label or 'a message'}")
    print(f"  delivered  {seen.delivered}")
    print(f"  caller     {seen.ended} {seen.error}".rstrip())
    print(f"  changed    {seen.change} of {seen.whole}")
    for name, why in seen.violations.items():
        print(f"  {name}: {why}")
    return int(bool(seen.violations))


def _tell(cell: "Cell") -> None:
    _say(f"{cell.work} {cell.fault}: {cell.shown}")


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _explain(expected: "list[Any]", missing: "list[Upstream]") -> None:
    """Say of each known defect at how many points it showed itself, and which ones did not."""
    seen = [each.known for each in expected]
    for what in dict.fromkeys(each.what for each in seen):
        one = next(each for each in seen if each.what == what)
        count = sum(each.what == what for each in seen)
        print(f"known ({count}): {one.what}\n  {one.link}")
    for absent in missing:
        print(f"known, and not shown: {absent.what}\n  {absent.link}")
