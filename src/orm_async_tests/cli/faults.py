"""The subcommand `orm-async-tests faults`, which injects a fault at every fault point of some
work.
"""

import argparse
import asyncio
import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from orm_async_tests import terminal
from orm_async_tests.cli.subcommands import add_command
from orm_async_tests.drivers import DRIVERS
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.stack_options import add_database, add_driver, add_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orm_async_tests import db
    from orm_async_tests.faults.patterns import Pattern
    from orm_async_tests.faults.report import Cell, Report
    from orm_async_tests.harness.definitions.upstream import Upstream

LEGEND = "N: points  !: violations  =: known defects  ?: unresolved"
TOKEN = "a token that the command has printed at the start of a line"


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = add_command(
        commands,
        "faults",
        "inject faults at the awaits of a pattern and at its messages to the server",
    )
    pattern = "a pattern, for example transfer, or your function as module:function (repeatable)"
    parser.add_argument("--pattern", action="append", default=[], metavar="NAME", help=pattern)
    rows = "a query of one row of numbers that your function changes: 'select count(*) from orders'"
    parser.add_argument("--rows", metavar="SQL", help=rows)
    fault = "a kind of faults of docs/faults.md, for example cancel (repeatable)"
    parser.add_argument("--fault", action="append", default=[], metavar="KIND", help=fault)
    point = "run only the point that this token names; a report has a token for every failure"
    parser.add_argument("--point", metavar="TOKEN", help=point)
    add_database(parser)
    add_driver(parser)
    add_loop(parser)
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
    parser.set_defaults(run=sweep_patterns)


def sweep_patterns(arguments: argparse.Namespace) -> int:
    """Sweep the patterns, and print the report. Return 1 for a violation that no known defect
    explains.
    """
    if arguments.point:
        return run_again(arguments)
    from orm_async_tests.faults.expected_violations import find_missing
    from orm_async_tests.faults.pattern_sweeps import check_kinds, select_patterns
    from orm_async_tests.faults.report import Report, build_document, list_rows

    patterns = select_patterns(arguments.pattern, arguments.rows)
    check_kinds(arguments.fault)
    started = time.perf_counter()
    cells, versions = _sweep(patterns, arguments)
    _refuse_work_without_points(cells)
    missing, report = list(find_missing(cells, versions)), Report(cells)
    if arguments.as_json:
        print(json.dumps(build_document(report, {**versions, "loop": arguments.loop}), indent=2))
    else:
        terminal.print_styled(terminal.render_table(list_rows(report)))
        print(f"{LEGEND}\n")
        _print_defects(report, missing)
        print(f"{report} in {time.perf_counter() - started:.0f} s")
    return int(bool(report.violating or missing))


def _sweep(
    patterns: "Sequence[Pattern]", arguments: argparse.Namespace
) -> "tuple[list[Cell], dict[str, str]]":
    """Return the cells of the report for all patterns, and the versions of the libraries."""
    from orm_async_tests.faults.fault_points import list_faults
    from orm_async_tests.faults.pattern_sweeps import (
        default_kinds,
        open_database,
        open_private_server,
        plan_sweeps,
    )
    from orm_async_tests.faults.sweeping import (
        find_failed_points,
        read_versions,
        sweep_failed_first,
    )
    from orm_async_tests.harness.environment.event_loops import run
    from orm_async_tests.postgres.paths import home

    loop = arguments.loop
    cells: list[Cell] = []
    with open_database(patterns, arguments.db_, arguments.driver) as database:
        asyncio.run(_connect_once(database))
        kinds = arguments.fault or default_kinds(patterns, database)
        total = sum(len(list_faults([*pattern.kinds.intersection(kinds)])) for pattern in patterns)
        versions = read_versions(database.driver)
        with (
            open_private_server(patterns, kinds) as private,
            terminal.show_progress("faults", total) as (say, advance),
        ):
            say(f"db: {database.label}, {database.driver}, {loop}")
            for pattern in patterns:
                sweeps = plan_sweeps(pattern, database, kinds, loop, private)
                failed = find_failed_points(home(), pattern.name, database.driver, loop)
                reporters = say, partial(_report_cell, say, advance)
                cells += run(loop, sweep_failed_first, sweeps, failed, versions, *reporters)
    return cells, versions


def _refuse_work_without_points(cells: "Sequence[Cell]") -> None:
    """Raise CouldNotRun if a function has no fault points, because a sweep without faults is no
    success.
    """
    reached = {cell.work for cell in cells if cell.outcomes}
    for work in dict.fromkeys(cell.work for cell in cells):
        if work not in reached:
            raise CouldNotRun(
                "the function has no fault point: it neither waits nor sends a message",
                work,
                "the same command with a function that runs a statement on its engine",
            )


async def _connect_once(database: "db.Database") -> None:
    """Connect once, and raise CouldNotRun if the database cannot be reached."""
    from orm_async_tests import db

    async with db.connect(database, "orm_async_tests faults"):
        pass


def _report_cell(
    say: "Callable[[str], None]", advance: "Callable[[str], None]", cell: "Cell"
) -> None:
    say(f"{cell.work} {cell.fault}: {cell}")
    advance(cell.work)


def run_again(arguments: argparse.Namespace) -> int:
    """Inject a fault at one fault point and print the outcome. Return 1 for a violation."""
    from orm_async_tests.faults.fault_points import parse_point
    from orm_async_tests.faults.pattern_sweeps import (
        open_database,
        open_private_server,
        plan_sweeps,
        select_patterns,
    )
    from orm_async_tests.faults.sweeping import find_failed_points
    from orm_async_tests.harness.environment.event_loops import run
    from orm_async_tests.postgres.paths import home

    point = parse_point(arguments.point)
    if point.driver not in DRIVERS:
        raise CouldNotRun(f"{point.driver!r} is not a driver", "--point", TOKEN)
    [pattern] = select_patterns([point.work], arguments.rows)
    kinds, driver = [point.fault.kind], None if pattern.engine else point.driver
    with (
        open_database([pattern], arguments.db_, driver) as database,
        open_private_server([pattern], kinds) as private,
    ):
        asyncio.run(_connect_once(database))
        [sweep] = plan_sweeps(pattern, database, kinds, point.loop, private)
        outcome = run(point.loop, sweep.run_point, point)
    if not outcome.reached:
        problem = f"{point.work} has no point {point.where}: it has {outcome.count} with this fault"
        raise CouldNotRun(problem, "--point", TOKEN)
    if not outcome.violations:
        find_failed_points(home(), pattern.name, point.driver, point.loop).forget(point)
    print(f"{point.token} at {outcome.label or 'a message'}")
    print(f"  delivered  {outcome.delivered}")
    print(f"  caller     {outcome.result} {outcome.message}".rstrip())
    print(f"  changed    {outcome.change} of {outcome.expected_change}")
    for name, evidence in outcome.violations.items():
        print(f"  {name}: {evidence}")
    return int(bool(outcome.violations))


def _print_defects(report: "Report", missing: "Sequence[Upstream]") -> None:
    """Print the known defects with the fault points that show them, and the defects that did not
    occur.
    """
    shown = [outcome.defect for outcome in report.expected if outcome.defect]
    for description, defect in {defect.description: defect for defect in shown}.items():
        count = sum(other.description == description for other in shown)
        print(f"known ({count}): {description}\n  {defect.link}")
    for defect in missing:
        print(f"known, but not shown: {defect.description}\n  {defect.link}")
