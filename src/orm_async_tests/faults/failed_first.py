"""Sweep a piece of work, and run the points first that failed last time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from orm_async_tests.faults.expected_violations import explain, explain_outcome
from orm_async_tests.faults.failed_points import FailedPoints
from orm_async_tests.faults.fault_points import Point
from orm_async_tests.faults.outcome import Outcome
from orm_async_tests.faults.report import Cell, format_point
from orm_async_tests.faults.sweeping import Sweep

Say = Callable[[str], None]


async def sweep_failed_first(
    sweeps: Sequence[Sweep],
    failed_points: FailedPoints | None,
    versions: Mapping[str, str],
    say: Say,
    report_cell: Callable[[Cell], None] = lambda _: None,
) -> list[Cell]:
    """Run the sweeps of one piece of work, and return their cells.

    A violation has the known defect that explains it, if any. A point that failed last time and
    fails again is a failure, even if it passes in the sweep.
    """
    kinds = [kind for sweep in sweeps for kind in sweep.kinds]
    points = failed_points.select(kinds) if failed_points else []
    if points:
        say(f"{points[0].work}: points that failed last time run first ({len(points)})")
    outcomes = [await _run_again(sweeps, point, versions, say) for point in points]
    failures = [outcome for outcome in outcomes if outcome.is_failure]
    cells = []
    for sweep in sweeps:
        async for cell in sweep.run():
            explained = _include(failures, explain(cell, versions))
            report_cell(explained)
            cells.append(explained)
    if failed_points:
        swept = [outcome for cell in cells for outcome in cell.outcomes]
        failed_points.replace(kinds, [outcome.point for outcome in swept if outcome.is_failure])
    return cells


async def _run_again(
    sweeps: Sequence[Sweep], point: Point, versions: Mapping[str, str], say: Say
) -> Outcome:
    sweep = next(sweep for sweep in sweeps if point.fault.kind in sweep.kinds)
    outcome = explain_outcome(await sweep.run_point(point), versions)
    if outcome.is_failure:
        say(f"fails again: {format_point(outcome)}")
    else:
        say(f"passes now: {point.token}")
    return outcome


def _include(failures: Sequence[Outcome], cell: Cell) -> Cell:
    """Return the cell with these failures in place of the outcomes of the same points."""
    outcomes = {outcome.point: outcome for outcome in cell.outcomes}
    fault = cell.fault
    outcomes |= {failure.point: failure for failure in failures if failure.point.fault == fault}
    return replace(cell, outcomes=tuple(outcomes.values()))
