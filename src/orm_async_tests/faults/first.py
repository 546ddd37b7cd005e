"""Sweep, and run first what failed last time."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from orm_async_tests import db
from orm_async_tests.faults.known import explained
from orm_async_tests.faults.outcome import Outcome, Point
from orm_async_tests.faults.patterns import Pattern
from orm_async_tests.faults.remembered import failed, remembered
from orm_async_tests.faults.report import Cell, line
from orm_async_tests.faults.runs import Tell, places_for, rerun, sweep_one

Say = Callable[[str], None]


async def sweep_and_remember(
    patterns: Sequence[Pattern],
    database: db.Database,
    kinds: Sequence[str],
    loop: str,
    stack: Mapping[str, str],
    home: Path,
    tell: Tell,
    say: Say,
) -> list[Cell]:
    """The cells, with the known defects of the stack that explain what was broken.

    What fails is kept in `home` for the next run, which begins with it; what passes is forgotten.
    """
    found: list[Cell] = []
    with places_for(database, kinds) as places:
        for pattern in patterns:
            kept = remembered(home, pattern.name, database.driver, loop)

            async def run(point: Point, pattern: Pattern = pattern) -> Outcome:
                return await rerun(pattern, places[point.fault.kind], point)

            def explain(cell: Cell) -> None:
                explained([cell], stack)
                tell(cell)

            first = await run_first(run, kept.points(kinds), stack, say)
            cells = await sweep_one(pattern, places, loop, explain)
            include(first, cells)
            kept.replace(kinds, failed(seen for cell in cells for seen in cell.outcomes))
            found += cells
    return found


async def run_first(
    run: Callable[[Point], Awaitable[Outcome]],
    points: Sequence[Point],
    stack: Mapping[str, str],
    say: Say,
) -> list[Outcome]:
    """The outcomes of points that failed last time."""
    if not points:
        return []
    say(f"{points[0].work}: what failed last time comes first ({len(points)})")
    found = [await run(point) for point in points]
    explained([Cell(each.point.work, each.point.fault, (1, 1), [each]) for each in found], stack)
    for text in told(found):
        say(text)
    return found


def told(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """What became of points that failed last time."""
    for seen in outcomes:
        if failed([seen]):
            yield f"fails again: {line(seen)}"
        else:
            yield f"passes now: {seen.point.token}"


def include(outcomes: Iterable[Outcome], cells: Sequence[Cell]) -> None:
    """Have what failed before the sweep in its cells, even if it passed there: it failed today."""
    broken = [seen for seen in outcomes if failed([seen])]
    for cell in cells:
        found = {seen.point: seen for seen in cell.outcomes}
        found |= {seen.point: seen for seen in broken if seen.point.fault == cell.fault}
        cell.outcomes = list(found.values())
