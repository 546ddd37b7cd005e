"""Sweep patterns, and run first what failed last time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from orm_async_tests import db
from orm_async_tests.faults.known import explained
from orm_async_tests.faults.outcome import Outcome
from orm_async_tests.faults.patterns import Pattern
from orm_async_tests.faults.remembered import failed, remembered
from orm_async_tests.faults.report import Cell, line
from orm_async_tests.faults.runs import Tell, rerun, sweep_each

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
) -> tuple[list[Cell], list[Outcome]]:
    """The cells, and before them the outcomes of the points that failed last time.

    `stack` has the versions that known defects go by. What fails in this run is kept in `home` for
    the next one, and what passes is forgotten.
    """
    found: list[Cell] = []
    again: list[Outcome] = []
    for pattern in patterns:
        kept = remembered(home, pattern.name, database.driver, loop)
        first: list[Outcome] = []
        if points := kept.points(kinds):
            say(f"{pattern.name}: what failed last time comes first ({len(points)})")
            first = [await rerun(pattern, database, point) for point in points]
            explain(first, stack)
            for text in told(first):
                say(text)
        cells = await sweep_each([pattern], database, kinds, loop, tell)
        explained(cells, stack)
        swept = [seen for cell in cells for seen in cell.outcomes]
        kept.replace(kinds, failed([*first, *swept]))
        found += cells
        again += first
    return found, again


def explain(outcomes: Sequence[Outcome], stack: Mapping[str, str]) -> None:
    """Note at each point which known defect explains it, if one does."""
    explained([Cell(each.point.work, each.point.fault, (1, 1), [each]) for each in outcomes], stack)


def told(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What became of points that failed last time."""
    broken = failed(outcomes)
    for seen in outcomes:
        if seen.point in broken:
            yield f"fails again: {line(seen)}"
        else:
            yield f"passes now: {seen.point.token}"
