"""Remember the points that failed, and sweep them first in the next run."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.expected_violations import explain, explain_outcome
from orm_async_tests.faults.fault_points import Point, parse_point
from orm_async_tests.faults.outcome import Outcome
from orm_async_tests.faults.report import Cell, format_point
from orm_async_tests.faults.sweeping import Sweep, exclude_old_objects


@dataclass(frozen=True)
class FailedPoints:
    """A file with one line for every failed point, its token. Without failures there is no file."""

    path: Path

    def select(self, kinds: Sequence[str]) -> list[Point]:
        """Return the failed points of these kinds of faults."""
        return [point for point in self._read() if point.fault.kind in kinds]

    def replace(self, kinds: Sequence[str], points: Iterable[Point]) -> None:
        """Store these points in place of all failed points of these kinds."""
        others = [point for point in self._read() if point.fault.kind not in kinds]
        self._write([*others, *dict.fromkeys(points)])

    def forget(self, point: Point) -> None:
        """Remove a point."""
        self._write([other for other in self._read() if other != point])

    def _read(self) -> list[Point]:
        if not self.path.exists():
            return []
        points = []
        for token in self.path.read_text("utf-8").splitlines():
            with suppress(CouldNotRun):  # another release wrote it, with other names of faults
                points.append(parse_point(token))
        return points

    def _write(self, points: Sequence[Point]) -> None:
        """Replace the file atomically, because another command may be reading it."""
        if not points:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_name(f"{self.path.name}.part-{os.getpid()}")
        part.write_text("".join(f"{point.token}\n" for point in points), "utf-8")
        part.replace(self.path)


def find_failed_points(folder: Path, work: str, driver: str, loop: str) -> FailedPoints:
    """Return the failed points of one piece of work, for a user's function by working directory."""
    directory = str(Path.cwd()) if ":" in work else ""
    key = "\n".join((work, driver, loop, directory))
    return FailedPoints(folder / "faults" / hashlib.sha256(key.encode()).hexdigest()[:16])


Say = Callable[[str], None]


async def sweep_failed_first(
    sweeps: Sequence[Sweep],
    failed_points: FailedPoints | None,
    versions: Mapping[str, str],
    say: Say,
    report_cell: Callable[[Cell], None] = lambda _: None,
) -> list[Cell]:
    """Run the sweeps of one piece of work, and return their cells.

    Every violation names the known defect that explains it, if there is one. A point that failed
    last time and fails again is a failure, even if it passes in the sweep.
    """
    kinds = [kind for sweep in sweeps for kind in sweep.kinds]
    points = failed_points.select(kinds) if failed_points else []
    if points:
        say(f"{points[0].work}: points that failed last time run first ({len(points)})")
    with exclude_old_objects():
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
