"""Reports what happened after each fault, and which rules were violated."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orm_async_tests.faults.fault_points import Fault, Point
from orm_async_tests.harness.definitions.upstream import Upstream
from orm_async_tests.harness.report.phrasing import pluralize

DONE = "done"
EXPECTED = {"cancel": "CancelledError", "shutdown": "CancelledError"}
EXPECTED |= {"timeout": "TimeoutError", "scope": "TimeoutError"}
OPEN = ("idle in transaction", "idle in transaction (aborted)", "active", "fastpath function call")

STUCK = "stuck"
WAITING = "waiting"
SWALLOWED = "swallowed"
CHECKED_OUT = "checked out"
OPEN_BACKEND = "open backend"
ORPHAN = "orphan"
TROUBLE = "trouble"
TASK = "leaked task"
PARTIAL_COMMIT = "partial commit"
LOST_COMMIT = "lost commit"
UNUSABLE = "unusable"
SCHEMA = 3
PASS, KNOWN, VIOLATION = "pass", "known", "violation"
AMBIGUOUS, UNRESOLVED = "ambiguous", "unresolved"
AT_A_MESSAGE = "at a message of the client"


@dataclass(frozen=True)
class Outcome:
    """The observations from one run with a fault at one fault point."""

    point: Point
    label: str = ""  # the user's line and the library's calls at which the task was suspended
    count: int = 0  # the number of suspensions or messages in this run
    delivered: bool = False  # whether the fault is known to have arrived
    result: str = ""  # DONE, or the class of the caller's error; empty if it was never released
    message: str = ""  # the first line of the caller's error
    needed_cancel: bool = False  # whether the silence of the network required a cancel
    seconds: float = 0.0  # the time from the fault until the caller was released
    checked_out: int = 0  # the connections in use when the caller was released
    backend_states: tuple[str, ...] = ()  # of backends active or in a transaction seconds later
    leaked_tasks: tuple[str, ...] = ()  # the tasks that were still running some seconds later
    change: tuple[Any, ...] = ()  # by how much each number of the user's query has changed
    expected_change: tuple[Any, ...] = ()  # the change of a run without a fault
    troubles: tuple[str, ...] = ()  # warnings, logged errors and exceptions that reached no caller
    failed_uses: tuple[str, ...] = ()  # the errors of the next uses of the engine, until one worked
    orphans: int = 0  # the number of connections that were open after `dispose()`
    unconfirmed: Mapping[str, str] = field(default_factory=dict)  # not repeated by another run
    defect: Upstream | None = None  # the known defect of a library that explains the violations

    @property
    def reached(self) -> bool:
        return self.delivered or bool(self.label)

    @property
    def is_unchanged(self) -> bool:
        return not any(self.change)

    @property
    def is_ambiguous(self) -> bool:
        """Return whether the caller saw an error although everything was committed."""
        committed = not self.is_unchanged and self.change == self.expected_change
        return self.result != DONE and committed

    @property
    def verdict(self) -> str:
        """One of the words PASS, KNOWN, VIOLATION, AMBIGUOUS or UNRESOLVED.

        UNRESOLVED means that the run proves nothing. A run proves nothing if the fault did not
        arrive, or if a violation did not occur again in a second run.
        """
        if self.violations:
            return KNOWN if self.defect else VIOLATION
        if self.unconfirmed or not self.delivered:
            return UNRESOLVED
        return AMBIGUOUS if self.is_ambiguous else PASS

    @property
    def violations(self) -> dict[str, str]:
        return dict(self._check_invariants())

    def _check_invariants(self) -> Iterator[tuple[str, str]]:
        if not self.result:
            yield STUCK, "the caller was not released"
        elif self.needed_cancel:
            yield WAITING, "the caller was released only by a cancel"
        expected = EXPECTED.get(self.point.fault.first_kind)
        if self.delivered and expected and self.result not in ("", expected):
            yield SWALLOWED, f"the caller saw {self.result} {self.message}".rstrip()
        if self.checked_out:
            yield CHECKED_OUT, f"{self.checked_out} when the caller was released"
        if states := [state for state in self.backend_states if state in OPEN]:
            yield OPEN_BACKEND, ", ".join(states)
        if self.leaked_tasks:
            yield TASK, ", ".join(self.leaked_tasks)
        if not self.is_unchanged and self.change != self.expected_change:
            yield PARTIAL_COMMIT, f"changed by {self.change} instead of {self.expected_change}"
        elif self.result == DONE and self.is_unchanged and any(self.expected_change):
            yield LOST_COMMIT, "the work ended normally, but nothing was committed"
        if self.troubles:
            yield TROUBLE, "; ".join(self.troubles)
        if len(self.failed_uses) > self.point.fault.ends_connections:
            yield UNUSABLE, "; ".join(self.failed_uses)
        if self.orphans:
            yield ORPHAN, f"{self.orphans} after dispose()"


@dataclass(frozen=True)
class Cell:
    """The outcomes of one function with one fault, at all fault points."""

    work: str
    fault: Fault
    counts: tuple[int, int]  # the numbers of points in two runs without a fault
    outcomes: tuple[Outcome, ...] = ()

    @property
    def violating(self) -> list[Outcome]:
        """Return the outcomes with violations, even if a known defect explains them."""
        return [outcome for outcome in self.outcomes if outcome.violations]

    def __str__(self) -> str:
        """Return how many fault points there are, and how many of them failed in each way.

        Examples are "7", "6-8" if two runs counted differently, and "7 !2 ?1" if some points
        failed.
        """
        points = "-".join(map(str, sorted({*self.counts})))
        if len(self.outcomes) < min(self.counts):
            points = f"{len(self.outcomes)} of {points}"
        verdicts = Counter(outcome.verdict for outcome in self.outcomes)
        marks = {"!": verdicts[VIOLATION], "=": verdicts[KNOWN], "?": verdicts[UNRESOLVED]}
        return " ".join([points, *(f"{mark}{count}" for mark, count in marks.items() if count)])


@dataclass(repr=False)
class Report:
    """The results of a sweep, with one cell for each function and fault. As text, a report has a
    summary, and a line for every fault point that failed.
    """

    cells: list[Cell]

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for cell in self.cells for outcome in cell.outcomes]

    @property
    def violating(self) -> list[Outcome]:
        """Return the outcomes with a violation that no known defect explains."""
        return [outcome for outcome in self.outcomes if outcome.verdict == VIOLATION]

    @property
    def expected(self) -> list[Outcome]:
        """Return the outcomes with a violation that a known defect explains."""
        return [outcome for outcome in self.outcomes if outcome.verdict == KNOWN]

    @property
    def unresolved(self) -> list[Outcome]:
        """Return the outcomes of runs that prove nothing."""
        return [outcome for outcome in self.outcomes if outcome.verdict == UNRESOLVED]

    @property
    def ambiguous(self) -> list[Outcome]:
        """Return the outcomes in which the caller saw an error, but everything was committed."""
        return [outcome for outcome in self.outcomes if outcome.is_ambiguous]

    def __repr__(self) -> str:  # pytest prints it as the message of an assertion
        lines = [summarize(self)]
        for line, group in group_by_line([*self.violating, *self.unresolved]).items():
            names = dict.fromkeys(
                name for outcome in group for name in outcome.violations or [UNRESOLVED]
            )
            lines.append(f"{line}: {', '.join(names)} ({pluralize(len(group), 'point')})")
            lines += [f"  {format_point(outcome)}" for outcome in group]
        return "\n".join(lines)


def summarize(report: Report) -> str:
    """Return one line that counts the outcomes of each kind."""
    points = pluralize(len(report.outcomes), "point")
    return (
        f"{points}: {pluralize(len(report.violating), 'violation')}, "
        f"{len(report.expected)} by known defects, {len(report.unresolved)} unresolved, "
        f"{len(report.ambiguous)} ambiguous commits"
    )


def group_by_line(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """Group the outcomes by the user's line of code that was suspended, in the order of the fault
    points.
    """
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        line = outcome.label.partition(" > ")[0].partition(", then ")[0] or AT_A_MESSAGE
        groups.setdefault(line, []).append(outcome)
    return groups


def format_point(outcome: Outcome) -> str:
    """Describe the result at one fault point on one line. The line includes the value of `--point`
    that repeats the run.
    """
    problems = _format_violations(outcome.violations)
    if outcome.verdict == UNRESOLVED:
        reason = "it was not delivered"
        if outcome.unconfirmed:
            reason = f"{_format_violations(outcome.unconfirmed)}, but not when it was run again"
        problems = f"{UNRESOLVED}: {reason}"
    where = f" at {outcome.label}" if outcome.label else ""
    return f"{outcome.point.token}{where}: {problems}"


def _format_violations(violations: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {evidence}" for name, evidence in violations.items())


def list_rows(report: Report) -> list[list[str]]:
    """Return a table with a header, and a row for every fault. A row has one column for each tested
    function.
    """
    works = list(dict.fromkeys(cell.work for cell in report.cells))
    faults = list(dict.fromkeys(str(cell.fault) for cell in report.cells))
    cells = {(cell.work, str(cell.fault)): str(cell) for cell in report.cells}
    rows = [["fault", *works]]
    return rows + [[fault, *(cells.get((work, fault), "") for work in works)] for fault in faults]


def build_document(report: Report, stack: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON document that `--json` prints."""
    return {"schema": SCHEMA, "stack": stack, "cells": list(map(_build_cell, report.cells))}


def _build_cell(cell: Cell) -> dict[str, Any]:
    return {
        "work": cell.work,
        "fault": str(cell.fault),
        "counts": list(cell.counts),
        "points": len(cell.outcomes),
        "verdicts": {outcome.point.where: outcome.verdict for outcome in cell.outcomes},
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
            outcome.point.token for outcome in cell.outcomes if outcome.verdict == UNRESOLVED
        ],
        "ambiguous": [outcome.point.token for outcome in cell.outcomes if outcome.is_ambiguous],
        "slowest": round(max((outcome.seconds for outcome in cell.outcomes), default=0.0), 3),
    }
