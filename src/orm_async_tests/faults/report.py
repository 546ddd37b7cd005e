"""Reports what happened after each fault, and which rules were violated."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import indent
from typing import Any

from orm_async_tests.faults.fault_points import KINDS, Fault, Point
from orm_async_tests.harness.definitions.upstream import Upstream
from orm_async_tests.harness.report.phrasing import pluralize

DONE = "done"
OPEN = ("idle in transaction", "idle in transaction (aborted)", "active", "fastpath function call")
SCHEMA = 3
STUCK, WAITING, SWALLOWED, CHECKED_OUT = "stuck", "waiting", "swallowed", "checked out"
OPEN_BACKEND, ORPHAN, TROUBLE, TASK = "open backend", "orphan", "trouble", "leaked task"
PARTIAL_COMMIT, LOST_COMMIT, UNUSABLE = "partial commit", "lost commit", "unusable"
PASS, KNOWN, VIOLATION = "pass", "known", "violation"
AMBIGUOUS, UNRESOLVED = "ambiguous", "unresolved"
AT_A_MESSAGE = "at a message of the client"
NOT_REACHED = "at a suspension that the function did not reach"


@dataclass(frozen=True)
class Outcome:
    """What happened in one run with a fault at one fault point."""

    point: Point
    label: str = ""  # the user's line and the library's calls at which the task was suspended
    count: int = 0  # the number of suspensions or messages in this run
    delivered: bool = False  # whether the fault is known to have arrived
    result: str = ""  # DONE, or the class of the caller's error; empty if it was never released
    message: str = ""  # the first line of the caller's error
    needed_cancel: bool = False  # whether the silence of the network required a cancel
    seconds: float = 0.0  # the time from the fault until the caller was released
    checked_out: int = 0  # the connections in use when the caller was released
    backend_states: tuple[str, ...] = ()  # of the backends that exist some seconds later
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
    def is_ambiguous(self) -> bool:
        """Whether the caller saw an error although the server committed everything."""
        return self.result != DONE and any(self.change) and self.change == self.expected_change

    @property
    def verdict(self) -> str:
        """The verdict on one run of a sweep: PASS, KNOWN, VIOLATION, AMBIGUOUS or UNRESOLVED.

        The verdict UNRESOLVED means that the run proves nothing, because the fault did not arrive
        or because a second run did not confirm a violation.
        """
        if self.violations:
            return KNOWN if self.defect else VIOLATION
        if self.unconfirmed or not self.delivered:
            return UNRESOLVED
        return AMBIGUOUS if self.is_ambiguous else PASS

    @property
    def violations(self) -> dict[str, str]:
        """The violations of the run. A key is the name of a violation in docs/faults.md, and its
        value describes the violation.
        """
        kind, changed, was_released = KINDS[self.point.fault.kind], any(self.change), self.result
        states = ", ".join(state for state in self.backend_states if state in OPEN)
        is_late = was_released and self.needed_cancel
        is_unusable = len(self.failed_uses) > kind.ends_connections
        is_other_error = kind.error and self.result not in ("", kind.error)
        is_partial = changed and self.change != self.expected_change
        is_lost = self.result == DONE and not changed and any(self.expected_change)
        change = (
            f"changed by {format_numbers(self.change)} "
            f"instead of {format_numbers(self.expected_change)}"
        )
        saw = f"the caller saw {self.result} {self.message}".rstrip()
        rules = (
            (STUCK, not was_released, "the caller had not ended"),
            (WAITING, is_late, "the caller was released only by a cancel"),
            (SWALLOWED, self.delivered and is_other_error, saw),
            (CHECKED_OUT, self.checked_out, f"{self.checked_out} when the caller was released"),
            (OPEN_BACKEND, states, states),
            (TASK, self.leaked_tasks, ", ".join(self.leaked_tasks)),
            (PARTIAL_COMMIT, is_partial, change),
            (LOST_COMMIT, is_lost, "the work ended normally, but nothing was committed"),
            (TROUBLE, self.troubles, "; ".join(self.troubles)),
            (UNUSABLE, is_unusable, "; ".join(self.failed_uses)),
            (ORPHAN, self.orphans, f"{self.orphans} after dispose()"),
        )
        return {name: evidence for name, is_violated, evidence in rules if is_violated}


@dataclass(frozen=True)
class Cell:
    """The outcomes of all runs of one function with one fault, at different fault points."""

    work: str
    fault: Fault
    counts: tuple[int, int]  # the numbers of points in two runs without a fault
    outcomes: tuple[Outcome, ...] = ()

    @property
    def violating(self) -> list[Outcome]:
        """The outcomes with violations, including violations that a known defect explains."""
        return [outcome for outcome in self.outcomes if outcome.violations]

    def __str__(self) -> str:
        """Return the number of fault points, and then the number of violations (!), of violations
        that a known defect explains (=), and of unresolved fault points (?).

        For example, "7 !2 ?1" means 7 fault points, 2 violations and 1 unresolved fault point. A
        range such as "6-8" means that two runs had different numbers of fault points.
        """
        points = "-".join(map(str, sorted({*self.counts})))
        if len(self.outcomes) < min(self.counts):
            points = f"{len(self.outcomes)} of {points}"
        verdicts = Counter(outcome.verdict for outcome in self.outcomes)
        marks = {"!": verdicts[VIOLATION], "=": verdicts[KNOWN], "?": verdicts[UNRESOLVED]}
        return " ".join([points, *(f"{mark}{count}" for mark, count in marks.items() if count)])


@dataclass(repr=False)
class Report:
    """The results of a sweep, with one cell for each pair of a function and a fault. The text of a
    report has a summary, and a line for every fault point that failed.
    """

    cells: list[Cell]

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for cell in self.cells for outcome in cell.outcomes]

    @property
    def violating(self) -> list[Outcome]:
        """The outcomes with a violation that no known defect explains."""
        return self._with_verdict(VIOLATION)

    @property
    def expected(self) -> list[Outcome]:
        """The outcomes with a violation that a known defect explains."""
        return self._with_verdict(KNOWN)

    @property
    def unresolved(self) -> list[Outcome]:
        return self._with_verdict(UNRESOLVED)

    @property
    def ambiguous(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.is_ambiguous]

    def _with_verdict(self, verdict: str) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.verdict == verdict]

    def __repr__(self) -> str:  # pytest prints it as the message of an assertion
        return "\n".join([summarize(self), *list_failures(self)])


def list_failures(report: Report) -> Iterator[str]:
    """Yield the lines of a report about the fault points that failed."""
    for header, group in group_by_line([*report.violating, *report.unresolved]).items():
        yield header
        for outcome in group:
            yield indent(format_point(outcome), "  ")


def summarize(report: Report) -> str:
    points = pluralize(len(report.outcomes), "point")
    return (
        f"{points}: {pluralize(len(report.violating), 'violation')}, "
        f"{len(report.expected)} by known defects, {len(report.unresolved)} unresolved, "
        f"{pluralize(len(report.ambiguous), 'ambiguous commit')}"
    )


def group_by_line(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """Group the outcomes by the line of the user's code at which the function was suspended.

    A key names the line, the violations and the number of fault points.
    """
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        unknown = AT_A_MESSAGE if outcome.point.fault.is_at_message else NOT_REACHED
        line = outcome.label.partition(" > ")[0].partition(", then ")[0] or unknown
        groups.setdefault(line, []).append(outcome)
    return {_describe_group(line, group): group for line, group in groups.items()}


def _describe_group(line: str, group: Sequence[Outcome]) -> str:
    names = dict.fromkeys(name for outcome in group for name in outcome.violations or [UNRESOLVED])
    return f"{line}: {', '.join(names)} ({pluralize(len(group), 'point')})"


def format_point(outcome: Outcome) -> str:
    """Describe an outcome on several lines. The first line is the token of the fault point, and the
    last line names the line of the user's code, if it is known.
    """
    violations = outcome.violations or outcome.unconfirmed
    problems = [f"{name}: {evidence}" for name, evidence in violations.items()]
    if outcome.verdict == UNRESOLVED:
        again = f"{'; '.join(problems)}, but not in a second run"
        problems = [f"{UNRESOLVED}: {again if problems else 'the fault did not arrive'}"]
    where = [f"at {outcome.label}"] if outcome.label else []
    return "\n  ".join([outcome.point.token, *problems, *where])


def format_numbers(numbers: Iterable[Any]) -> str:
    return ", ".join(map(str, numbers))


def list_rows(report: Report) -> list[list[str]]:
    works = list(dict.fromkeys(cell.work for cell in report.cells))
    faults = list(dict.fromkeys(str(cell.fault) for cell in report.cells))
    cells = {(cell.work, str(cell.fault)): str(cell) for cell in report.cells}
    rows = [["fault", *works]]
    return rows + [[fault, *(cells.get((work, fault), "") for work in works)] for fault in faults]


def build_document(report: Report, stack: Mapping[str, str]) -> dict[str, Any]:
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
