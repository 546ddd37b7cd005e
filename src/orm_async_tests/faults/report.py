"""What a sweep found: cells of points, as a table, as lines, and as a document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orm_async_tests.faults.kinds import Fault
from orm_async_tests.faults.outcome import Outcome

SCHEMA = 2
PASS, KNOWN, VIOLATION = "pass", "known", "violation"
AMBIGUOUS, UNRESOLVED = "ambiguous", "unresolved"


@dataclass
class Cell:
    """A piece of work and a fault: how many points there are, and the outcomes of those swept."""

    work: str
    fault: Fault
    counts: tuple[int, int]  # of two runs without a fault
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def violating(self) -> list[Outcome]:
        """Those that broke an invariant."""
        return [each for each in self.outcomes if each.violations]

    @property
    def unresolved(self) -> list[Outcome]:
        """Those of which it is not known that the fault was delivered, or what it broke."""
        return [each for each in self.outcomes if _unresolved(each)]

    @property
    def shown(self) -> str:
        """Such as "7", "6-8" if the counts differ, "7 !2" with violations, "7 ?1" unresolved."""
        points = "-".join(str(each) for each in sorted({*self.counts}))
        if len(self.outcomes) < min(self.counts):
            points = f"{len(self.outcomes)} of {points}"
        unknown = [each for each in self.violating if each.known is None]
        known = len(self.violating) - len(unknown)
        marks = {"!": len(unknown), "=": known, "?": len(self.unresolved)}
        return " ".join([points, *(f"{mark}{count}" for mark, count in marks.items() if count)])


@dataclass(repr=False)
class Report:
    """The cells of a sweep; its text has the figures, and a line for each point that failed."""

    cells: list[Cell]

    @property
    def outcomes(self) -> list[Outcome]:
        """Each point's."""
        return [each for cell in self.cells for each in cell.outcomes]

    @property
    def violating(self) -> list[Outcome]:
        """The points at which an invariant was broken, if not by a known defect of a library."""
        return [each for each in self.outcomes if each.violations and each.known is None]

    @property
    def expected(self) -> list[Outcome]:
        """The points at which an invariant was broken by a known defect."""
        return [each for each in self.outcomes if each.known is not None]

    @property
    def unresolved(self) -> list[Outcome]:
        """The points of which it is not known that the fault was delivered, or what it broke."""
        return [each for cell in self.cells for each in cell.unresolved]

    @property
    def ambiguous(self) -> list[Outcome]:
        """The points at which all was committed, and the caller saw an error."""
        return [each for each in self.outcomes if each.ambiguous]

    def __repr__(self) -> str:  # pytest shows it for the message of an assertion
        return "\n".join([summary(self), *map(line, [*self.violating, *self.unresolved])])


def summary(report: Report) -> str:
    """The figures of a report."""
    return (
        f"{len(report.outcomes)} points: {len(report.violating)} violations, "
        f"{len(report.expected)} by known defects, {len(report.unresolved)} unresolved, "
        f"{len(report.ambiguous)} ambiguous commits"
    )


def verdict(outcome: Outcome) -> str:
    """A word for what became of a point."""
    if outcome.violations:
        return KNOWN if outcome.known else VIOLATION
    if _unresolved(outcome):
        return UNRESOLVED
    return AMBIGUOUS if outcome.ambiguous else PASS


def _unresolved(outcome: Outcome) -> bool:
    return not outcome.violations and (bool(outcome.once) or not outcome.delivered)


def line(outcome: Outcome) -> str:
    """A failing point on one line, with what runs it again; or one that is unresolved, and why."""
    broken = _told(outcome.violations)
    if _unresolved(outcome):
        seen = f"{_told(outcome.once)}, and not again" if outcome.once else "it was not delivered"
        broken = f"{UNRESOLVED}: {seen}"
    where = f" at {outcome.label}" if outcome.label else ""
    return f"{outcome.point.token}{where}: {broken}"


def _told(broken: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in broken.items())


def table(report: Report) -> list[str]:
    """Work by fault, each cell as `Cell.shown`."""
    works = list(dict.fromkeys(cell.work for cell in report.cells))
    faults = list(dict.fromkeys(str(cell.fault) for cell in report.cells))
    cells = {(cell.work, str(cell.fault)): cell.shown for cell in report.cells}
    rows = [["fault", *works]]
    rows += [[fault, *(cells.get((work, fault), "") for work in works)] for fault in faults]
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, whose columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def document(report: Report, stack: dict[str, str]) -> dict[str, Any]:
    """The report for programs."""
    return {"schema": SCHEMA, "stack": stack, "cells": [_cell(cell) for cell in report.cells]}


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "work": cell.work,
        "fault": str(cell.fault),
        "counts": list(cell.counts),
        "points": len(cell.outcomes),
        "verdicts": {each.point.where: verdict(each) for each in cell.outcomes},
        "violations": [_violation(each) for each in cell.violating],
        "unresolved": [each.point.token for each in cell.unresolved],
        "ambiguous": [each.point.token for each in cell.outcomes if each.ambiguous],
        "slowest": round(max((each.seconds for each in cell.outcomes), default=0.0), 3),
    }


def _violation(outcome: Outcome) -> dict[str, Any]:
    known = outcome.known.link if outcome.known else None
    broken = outcome.violations
    return {"point": outcome.point.token, "label": outcome.label, "broken": broken, "known": known}
