"""orm-async-tests faults: a fault at every point of a piece of work, and what it leaves behind."""

import argparse
import asyncio
import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.stack_options import add_database, add_driver, add_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.figure import Figure

    from orm_async_tests.faults.patterns import Pattern
    from orm_async_tests.faults.report import Cell, Report
    from orm_async_tests.harness.definitions.upstream import Upstream

LEGEND = "N: points  !: violations  =: known defects  ?: unresolved"


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = commands.add_parser("faults", help="a fault at every await and message of a pattern")
    pattern = "such as transfer, or one's own as module:function (again for more; default: all)"
    parser.add_argument("--pattern", action="append", default=[], metavar="NAME", help=pattern)
    rows = "numbers that one's own pattern changes, such as 'select count(*) from orders'"
    parser.add_argument("--rows", metavar="SQL", help=rows)
    fault = "such as cancel, docs/faults.md has them (again for more; default: the quick ones)"
    parser.add_argument("--fault", action="append", default=[], metavar="KIND", help=fault)
    parser.add_argument("--point", metavar="TOKEN", help="this point alone, as a failure names it")
    add_database(parser)
    add_driver(parser)
    add_loop(parser)
    parser.add_argument("--json", action="store_true", dest="as_json", help="the cells as JSON")
    svg = "the points as a map (extra: charts)"
    parser.add_argument("--svg", type=Path, metavar="FILE", help=svg)
    parser.set_defaults(run=faults)


def faults(arguments: argparse.Namespace) -> int:
    """Sweep, print what was found, and return 1 if a violation has no known reason."""
    if arguments.point:
        return _again(arguments)
    from orm_async_tests.faults import known, report
    from orm_async_tests.faults.runs import chosen, chosen_kinds

    patterns = chosen(arguments.pattern, arguments.rows)
    kinds = chosen_kinds(arguments.fault)
    figure, started = _figure(arguments.svg), time.perf_counter()
    cells, stack = _swept(patterns, kinds, arguments)
    _refuse_work_without_points(cells)
    missing = list(known.absent(cells, stack))
    found = report.Report(cells)
    _draw(figure, found, stack, arguments)
    if arguments.as_json:
        print(json.dumps(report.document(found, {**stack, "loop": arguments.loop}), indent=2))
    else:
        print("\n".join([*report.table(found), LEGEND, ""]))
        _explain(found.expected, missing)
        print(f"{found} in {time.perf_counter() - started:.0f} s")
    return int(bool(found.violating or missing))


def _swept(
    patterns: "Sequence[Pattern]", kinds: "Sequence[str]", arguments: argparse.Namespace
) -> "tuple[list[Cell], dict[str, str]]":
    """The cells, and the versions that they are of."""
    from orm_async_tests.faults.first import sweep_and_remember
    from orm_async_tests.faults.kinds import faults
    from orm_async_tests.faults.runs import usual_kinds
    from orm_async_tests.faults.sweeping import libraries
    from orm_async_tests.harness.environment.event_loops import run
    from orm_async_tests.postgres.paths import home

    loop = arguments.loop
    with db.open_database(arguments.db_, arguments.driver) as database:
        asyncio.run(_connect_once(database))
        kinds = kinds or usual_kinds(patterns, database)
        total = sum(len(faults(tuple(pattern.kinds.intersection(kinds)))) for pattern in patterns)
        with _progress(total) as (tell, say):
            say(f"db: {database.label}, {database.driver}, {loop}")
            stack = libraries(database.driver)
            swept = patterns, database, kinds, loop, stack, home(), tell, say
            return run(loop, sweep_and_remember, *swept), stack


def _refuse_work_without_points(cells: "Sequence[Cell]") -> None:
    """Raise CouldNotRun if no fault could reach a function: a sweep of nothing is no success."""
    reached = {cell.work for cell in cells if cell.outcomes}
    for work in dict.fromkeys(cell.work for cell in cells):
        if work not in reached:
            raise CouldNotRun(
                "it has no fault point: it neither waits nor sends a message to the server",
                work,
                "a function that uses the engine that it gets as its argument",
            )


async def _connect_once(database: db.Database) -> None:
    """Raise CouldNotRun if the database cannot be reached."""
    async with db.connect(database, "orm_async_tests faults"):
        pass


@contextmanager
def _progress(total: int) -> "Iterator[tuple[Callable[[Cell], None], Callable[[str], None]]]":
    """What tells of a cell and what says a line, on standard error; a bar if it is a terminal."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    console = Console(stderr=True, highlight=False)
    columns = *Progress.get_default_columns(), MofNCompleteColumn()
    hidden = not console.is_terminal
    with Progress(*columns, console=console, disable=hidden, transient=True) as bar:
        task = bar.add_task("faults", total=total)

        def say(text: str) -> None:
            console.print(text, markup=False, soft_wrap=True)

        def tell(cell: "Cell") -> None:
            say(f"{cell.work} {cell.fault}: {cell.shown}")
            bar.update(task, description=cell.work, advance=1)

        yield tell, say


def _figure(path: Path | None) -> "Figure | None":
    """An empty figure for a file, before the minutes of a sweep. Raises CouldNotRun."""
    if path is None:
        return None
    from orm_async_tests import charts

    figure = charts.new_figure(1, 1)
    try:
        path.open("a", encoding="utf-8").close()
    except OSError as error:
        what = f"{path} cannot be written: {error.strerror}"
        raise CouldNotRun(what, "--svg", "a file in a folder that is there") from None
    return figure


def _draw(
    figure: "Figure | None", found: "Report", stack: dict[str, str], arguments: argparse.Namespace
) -> None:
    if figure is None:
        return
    from orm_async_tests import charts
    from orm_async_tests.faults import heatmap, report

    versions = ", ".join(f"{name} {version}" for name, version in stack.items())
    heatmap.draw(figure, found, f"{report.summary(found)} ({versions}, {arguments.loop})")
    arguments.svg.write_text(charts.svg_of(figure), "utf-8")


def _again(arguments: argparse.Namespace) -> int:
    """Run one point again, and print all that was seen there."""
    from orm_async_tests.faults.outcome import parse
    from orm_async_tests.faults.remembered import remembered
    from orm_async_tests.faults.runs import chosen, places_for, rerun
    from orm_async_tests.harness.environment.event_loops import run
    from orm_async_tests.postgres.paths import home

    point = parse(arguments.point)
    if point.driver not in db.DRIVERS:
        raise CouldNotRun(f"{point.driver!r} is not a driver", "--point", "a token of the output")
    [pattern] = chosen([point.work], arguments.rows)
    with (
        db.open_database(arguments.db_, point.driver) as database,
        places_for(database, [point.fault.kind]) as places,
    ):
        asyncio.run(_connect_once(database))
        seen = run(point.loop, rerun, pattern, places[point.fault.kind], point)
    if not seen.reached:
        raise CouldNotRun(
            f"{point.work} has no point {point.where}: it has {seen.counted} with this fault",
            "--point",
            "a token from the end of a line of the output",
        )
    if not seen.violations:
        remembered(home(), pattern.name, point.driver, point.loop).forget(point)
    print(f"{point.token} at {seen.label or 'a message'}")
    print(f"  delivered  {seen.delivered}")
    print(f"  caller     {seen.ended} {seen.error}".rstrip())
    print(f"  changed    {seen.change} of {seen.whole}")
    for name, why in seen.violations.items():
        print(f"  {name}: {why}")
    return int(bool(seen.violations))


def _explain(expected: "list[Any]", missing: "list[Upstream]") -> None:
    """Say of each known defect at how many points it showed itself, and which ones did not."""
    seen = [each.known for each in expected]
    for what in dict.fromkeys(each.description for each in seen):
        one = next(each for each in seen if each.description == what)
        count = sum(each.description == what for each in seen)
        print(f"known ({count}): {one.description}\n  {one.link}")
    for absent in missing:
        print(f"known, and not shown: {absent.description}\n  {absent.link}")
