"""Formats the outcomes of a sweep as text, as a table and as JSON."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from textwrap import indent
from typing import Any

from orm_async_tests.faults.outcomes import KNOWN, UNRESOLVED, VIOLATION, Cell, Outcome
from orm_async_tests.harness.report.phrasing import pluralize

SCHEMA = 3


@dataclass(repr=False)
class Report:
    """The results of a sweep, with one cell for each function and fault.

    The `repr()` of a report contains a summary and the fault points that failed.
    """

    cells: list[Cell]

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for cell in self.cells for outcome in cell.outcomes]

    @property
    def violating(self) -> list[Outcome]:
        """The outcomes with violations that no known defect explains."""
        return self._with_status(VIOLATION)

    @property
    def expected(self) -> list[Outcome]:
        """The outcomes with violations that a known defect explains."""
        return self._with_status(KNOWN)

    @property
    def unresolved(self) -> list[Outcome]:
        return self._with_status(UNRESOLVED)

    @property
    def ambiguous(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.is_ambiguous]

    def _with_status(self, status: str) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status == status]

    def __repr__(self) -> str:  # pytest prints it as the message of an assertion
        return "\n".join([summarize(self), *list_failures([*self.violating, *self.unresolved])])


def list_failures(outcomes: Iterable[Outcome], command: str = "") -> Iterator[str]:
    """Yield lines about fault points that failed, and a command that repeats each fault point.

    The user's lines of code are the headings.
    """
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(_find_line(outcome), []).append(outcome)
    for line, group in groups.items():
        names = [name for outcome in group for name in outcome.violations or [UNRESOLVED]]
        yield f"{line}: {', '.join(dict.fromkeys(names))} ({pluralize(len(group), 'point')})"
        for outcome in group:
            yield indent(format_point(outcome), "  ")
            if command:
                yield f"    {command} {outcome.point.fault}/{outcome.point.where}"


def summarize(report: Report) -> str:
    points = pluralize(len(report.outcomes), "point")
    return (
        f"{points}: {pluralize(len(report.violating), 'violation')}, "
        f"{len(report.expected)} by known defects, {len(report.unresolved)} unresolved, "
        f"{pluralize(len(report.ambiguous), 'ambiguous commit')}"
    )


def _find_line(outcome: Outcome) -> str:
    if not outcome.point.at:
        return "without a fault"
    if outcome.point.fault.is_at_message:
        return "at a message of the client"
    not_reached = "at a suspension that the function did not reach"
    return outcome.label.partition(" > ")[0].partition(", then ")[0] or not_reached


def format_point(outcome: Outcome) -> str:
    """Describe a failed fault point in a few lines of text."""
    violations = outcome.violations or outcome.unconfirmed
    problems = [f"{name}: {evidence}" for name, evidence in violations.items()]
    if outcome.status == UNRESOLVED:
        again = f"{'; '.join(problems)}, but not in a second run"
        problems = [f"{UNRESOLVED}: {again if problems else 'the fault did not arrive'}"]
    where = [f"at {outcome.label}"] if outcome.label else []
    return "\n  ".join([outcome.point.token, *problems, *where])


def format_cell(cell: Cell) -> str:
    """Return a text that counts the fault points of a cell by their status.

    The text "7 !2 =1 ?1" means 7 fault points: 2 with a violation, 1 with a known defect and 1
    unresolved. A range, for example "6-8", means that the number of fault points varies.
    """
    points = "-".join(map(str, sorted({*cell.counts})))
    if len(cell.outcomes) < min(cell.counts):
        points = f"{len(cell.outcomes)} of {points}"
    statuses = Counter(outcome.status for outcome in cell.outcomes)
    marks = {"!": statuses[VIOLATION], "=": statuses[KNOWN], "?": statuses[UNRESOLVED]}
    return " ".join([points, *(f"{mark}{count}" for mark, count in marks.items() if count)])


def list_rows(report: Report) -> list[list[str]]:
    functions = list(dict.fromkeys(cell.function for cell in report.cells))
    faults = list(dict.fromkeys(str(cell.fault) for cell in report.cells))
    cells = {(cell.function, str(cell.fault)): format_cell(cell) for cell in report.cells}
    rows = [["fault", *functions]]
    return rows + [
        [fault, *(cells.get((function, fault), "") for function in functions)] for fault in faults
    ]


def build_document(report: Report, stack: Mapping[str, str]) -> dict[str, Any]:
    return {"schema": SCHEMA, "stack": stack, "cells": list(map(_build_cell, report.cells))}


def _build_cell(cell: Cell) -> dict[str, Any]:
    return {
        "work": cell.function,
        "fault": str(cell.fault),
        "counts": list(cell.counts),
        "points": len(cell.outcomes),
        "verdicts": {outcome.point.where: outcome.status for outcome in cell.outcomes},
        "violations": [
            {
                "point": outcome.point.token,
                "label": outcome.label,
                "broken": outcome.violations,
                "known": outcome.defect.link if outcome.defect else None,
            }
            for outcome in cell.violating
        ],
        "unresolved": [
            outcome.point.token for outcome in cell.outcomes if outcome.status == UNRESOLVED
        ],
        "ambiguous": [outcome.point.token for outcome in cell.outcomes if outcome.is_ambiguous],
        "slowest": round(max((outcome.seconds for outcome in cell.outcomes), default=0.0), 3),
    }
