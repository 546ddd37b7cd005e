"""Render the results of a sweep: a table, a list grouped by the user's lines, or JSON."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orm_async_tests.faults.fault_points import Fault
from orm_async_tests.faults.outcome import Outcome
from orm_async_tests.harness.report.phrasing import pluralize

SCHEMA = 3
PASS, KNOWN, VIOLATION = "pass", "known", "violation"
AMBIGUOUS, UNRESOLVED = "ambiguous", "unresolved"
AT_A_MESSAGE = "at a message of the client"


@dataclass(frozen=True)
class Cell:
    """A piece of work under one fault, at all its points."""

    work: str
    fault: Fault
    counts: tuple[int, int]
    """The numbers of points in two runs without a fault."""
    outcomes: tuple[Outcome, ...] = ()

    @property
    def violating(self) -> list[Outcome]:
        """Return the outcomes that violate an invariant, by a known defect or not."""
        return [outcome for outcome in self.outcomes if outcome.violations]

    @property
    def unresolved(self) -> list[Outcome]:
        """Return the outcomes of points that are unresolved, because the run proves nothing."""
        return [outcome for outcome in self.outcomes if outcome.is_unresolved]

    def __str__(self) -> str:
        """Return the number of points, then the numbers of points that did not pass.

        For example "7", "6-8" if the two counts differ, or "7 !2 ?1" with marks from the legend.
        """
        points = "-".join(map(str, sorted({*self.counts})))
        if len(self.outcomes) < min(self.counts):
            points = f"{len(self.outcomes)} of {points}"
        failures = sum(outcome.is_failure for outcome in self.outcomes)
        known = len(self.violating) - failures
        marks = {"!": failures, "=": known, "?": len(self.unresolved)}
        return " ".join([points, *(f"{mark}{count}" for mark, count in marks.items() if count)])


@dataclass(repr=False)
class Report:
    """The cells of a sweep; the text has a summary, and a line for every point that failed."""

    cells: list[Cell]

    @property
    def outcomes(self) -> list[Outcome]:
        """Return the outcomes of all points."""
        return [outcome for cell in self.cells for outcome in cell.outcomes]

    @property
    def violating(self) -> list[Outcome]:
        """Return the outcomes with a violation that no known defect of a library explains."""
        return [outcome for outcome in self.outcomes if outcome.is_failure]

    @property
    def expected(self) -> list[Outcome]:
        """Return the outcomes with a violation that a known defect explains."""
        return [outcome for outcome in self.outcomes if outcome.defect is not None]

    @property
    def unresolved(self) -> list[Outcome]:
        """Return the outcomes of points that are unresolved, because the run proves nothing."""
        return [outcome for outcome in self.outcomes if outcome.is_unresolved]

    @property
    def ambiguous(self) -> list[Outcome]:
        """Return the outcomes in which everything was committed but the caller saw an error."""
        return [outcome for outcome in self.outcomes if outcome.is_ambiguous]

    def __repr__(self) -> str:  # pytest prints it as the message of an assertion
        failures = group_lines([*self.violating, *self.unresolved])
        return "\n".join([summarize(self), *failures])


def summarize(report: Report) -> str:
    """Return one line of figures."""
    points = pluralize(len(report.outcomes), "point")
    return (
        f"{points}: {pluralize(len(report.violating), 'violation')}, "
        f"{len(report.expected)} by known defects, {len(report.unresolved)} unresolved, "
        f"{len(report.ambiguous)} ambiguous commits"
    )


def classify(outcome: Outcome) -> str:
    """Return PASS, KNOWN, VIOLATION, AMBIGUOUS or UNRESOLVED."""
    if outcome.violations:
        return KNOWN if outcome.defect else VIOLATION
    if outcome.is_unresolved:
        return UNRESOLVED
    return AMBIGUOUS if outcome.is_ambiguous else PASS


def group_by_line(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """Return the outcomes by the user's line that was suspended, in the order of the points."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        line = outcome.label.partition(" > ")[0].partition(", then ")[0] or AT_A_MESSAGE
        groups.setdefault(line, []).append(outcome)
    return groups


def group_lines(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Yield the lines of a report: a header for every line of the user's code, then its points."""
    for line, group in group_by_line(outcomes).items():
        names = dict.fromkeys(name for outcome in group for name in _name_problems(outcome))
        yield f"{line}: {', '.join(names)} ({pluralize(len(group), 'point')})"
        yield from (f"  {format_point(outcome)}" for outcome in group)


def format_point(outcome: Outcome) -> str:
    """Return a failing or unresolved point on one line, with the token that runs it again."""
    problems = _format_violations(outcome.violations)
    if outcome.is_unresolved:
        reason = "it was not delivered"
        if outcome.unconfirmed:
            reason = f"{_format_violations(outcome.unconfirmed)}, but not when it was run again"
        problems = f"{UNRESOLVED}: {reason}"
    where = f" at {outcome.label}" if outcome.label else ""
    return f"{outcome.point.token}{where}: {problems}"


def _name_problems(outcome: Outcome) -> Iterable[str]:
    return outcome.violations or [UNRESOLVED]


def _format_violations(violations: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {evidence}" for name, evidence in violations.items())


def list_rows(report: Report) -> list[list[str]]:
    """Return a table of cells: a header, and a row for every fault with the cells of all works."""
    works = list(dict.fromkeys(cell.work for cell in report.cells))
    faults = list(dict.fromkeys(str(cell.fault) for cell in report.cells))
    cells = {(cell.work, str(cell.fault)): str(cell) for cell in report.cells}
    rows = [["fault", *works]]
    return rows + [[fault, *(cells.get((work, fault), "") for work in works)] for fault in faults]


def build_document(report: Report, stack: Mapping[str, str]) -> dict[str, Any]:
    """Return the report for `--json`."""
    return {"schema": SCHEMA, "stack": stack, "cells": list(map(_build_cell, report.cells))}


def _build_cell(cell: Cell) -> dict[str, Any]:
    return {
        "work": cell.work,
        "fault": str(cell.fault),
        "counts": list(cell.counts),
        "points": len(cell.outcomes),
        "verdicts": {outcome.point.where: classify(outcome) for outcome in cell.outcomes},
        "violations": list(map(_build_violation, cell.violating)),
        "unresolved": [outcome.point.token for outcome in cell.unresolved],
        "ambiguous": [outcome.point.token for outcome in cell.outcomes if outcome.is_ambiguous],
        "slowest": round(max((outcome.seconds for outcome in cell.outcomes), default=0.0), 3),
    }


def _build_violation(outcome: Outcome) -> dict[str, Any]:
    return {
        "point": outcome.point.token,
        "label": outcome.label,
        "broken": outcome.violations,
        "known": outcome.defect.link if outcome.defect else None,
    }
