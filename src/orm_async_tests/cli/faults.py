"""The subcommand `orm-async-tests faults`, which injects faults into a function."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from functools import partial

from orm_async_tests import terminal
from orm_async_tests.command_options import refuse_options
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults import planning, report
from orm_async_tests.faults.expected_violations import find_unshown_defects
from orm_async_tests.faults.fault_points import check_kinds, list_faults, parse_point
from orm_async_tests.faults.injection import SweptFunction
from orm_async_tests.faults.outcomes import Cell, format_numbers
from orm_async_tests.faults.sweeping import read_versions, sweep_failed_first
from orm_async_tests.harness.environment.event_loops import run_in_loop
from orm_async_tests.harness.report.phrasing import pluralize
from orm_async_tests.postgres.paths import home
from orm_async_tests.stack_options import DRIVERS

LEGEND = "number: fault points  !: violations  =: known defects  ?: unresolved"
REPEAT = "To run one of the points again, add --point with its token to the command."
TOKEN = "add --point with a token that an earlier run printed at the start of a line"


def sweep_functions(arguments: argparse.Namespace) -> int:
    """Sweep the chosen functions, and return 1 after an unexpected result."""
    if arguments.point:
        refuse_options(arguments, "--point", "pattern", "fault", "json")
        return run_again(arguments)
    functions = planning.select_functions(arguments.pattern, arguments.rows)
    check_kinds(arguments.fault)
    started = time.perf_counter()
    cells, versions = _sweep(functions, arguments)
    reached = {cell.function for cell in cells if cell.outcomes}
    for cell in cells:
        if cell.function not in reached:  # an empty sweep must not look like success
            problem = "the function has no fault point: it neither waits nor sends a message"
            remedy = "repeat the command with a function that runs a statement on its engine"
            raise CouldNotRun(problem, cell.function, remedy)
    missing, results = list(find_unshown_defects(cells, versions)), report.Report(cells)
    if arguments.json:
        stack = {**versions, "loop": arguments.loop}
        print(json.dumps(report.build_document(results, stack), indent=2))
    else:
        terminal.print_styled(terminal.render_table(report.list_rows(results)))
        print(f"{LEGEND}\n")
        shown = [outcome.defect for outcome in results.expected if outcome.defect]
        for description, defect in {defect.description: defect for defect in shown}.items():
            count = sum(other.description == description for other in shown)
            print(f"known defect, at {pluralize(count, 'point')}: {description}\n  {defect.link}")
        for defect in missing:
            print(f"known defect that did not occur: {defect.description}\n  {defect.link}")
        print(f"{report.summarize(results)} ({time.perf_counter() - started:.0f} s)")
        for line in report.list_failures([*results.violating, *results.unresolved]):
            print(line)
        if results.violating:
            print(REPEAT)
    return int(bool(results.violating or missing))


def _sweep(
    functions: Sequence[SweptFunction], arguments: argparse.Namespace
) -> tuple[list[Cell], dict[str, str]]:
    loop = arguments.loop
    cells: list[Cell] = []
    with planning.open_swept_database(functions, arguments.db, arguments.driver) as database:
        kinds = arguments.fault or planning.default_kinds(
            functions, database, partial(print, file=sys.stderr)
        )
        total = sum(len(list_faults([*swept.kinds.intersection(kinds)])) for swept in functions)
        with (
            planning.open_private_server(functions, kinds) as private,
            terminal.show_progress("faults", total) as (say, advance),
        ):
            say(f"db: {database.label}, {database.driver}, {loop}")

            def report_cell(cell: Cell) -> None:
                say(f"{cell.function} {cell.fault}: {report.format_cell(cell)}")
                advance(cell.function)

            for swept in functions:
                if sweeps := planning.plan_sweeps(swept, database, kinds, loop, private):
                    cells += run_in_loop(loop, sweep_failed_first, sweeps, home(), say, report_cell)
    return cells, read_versions(database.driver)


def run_again(arguments: argparse.Namespace) -> int:
    point = parse_point(arguments.point)
    if point.driver not in DRIVERS:
        raise CouldNotRun(f"{point.driver!r} is not a driver", "--point", TOKEN)
    [swept] = planning.select_functions([point.function], arguments.rows)
    kinds, driver = [point.fault.kind], None if swept.engine else point.driver
    with (
        planning.open_swept_database([swept], arguments.db, driver) as database,
        planning.open_private_server([swept], kinds) as private,
    ):
        [sweep] = planning.plan_sweeps(swept, database, kinds, point.loop, private)
        outcome = run_in_loop(point.loop, sweep.repeat_point, point, home(), "--point", TOKEN)
    print(report.format_point(outcome))
    print(f"  the fault was injected: {'yes' if outcome.delivered else 'no'}")
    print(f"  the caller got: {outcome.result} {outcome.message}".rstrip())
    if outcome.change:
        changes = map(format_numbers, (outcome.change, outcome.expected_change))
        print("  the numbers changed by: {} (without a fault: {})".format(*changes))
    return int(bool(outcome.violations))
