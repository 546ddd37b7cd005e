"""Describes what happened after a fault, and finds violations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orm_async_tests.faults.fault_points import KINDS, Fault, Point
from orm_async_tests.harness.definitions.upstream import Upstream

DONE = "done"
OPEN = (
    "idle in transaction",
    "idle in transaction (aborted)",
    "idle with an advisory lock",  # which stays with the pooled connection
    "active",
    "fastpath function call",
)
STUCK, WAITING, SWALLOWED, CHECKED_OUT = "stuck", "waiting", "swallowed", "checked out"
OPEN_BACKEND, ORPHAN, TROUBLE, TASK = "open backend", "orphan", "trouble", "leaked task"
PARTIAL_COMMIT, LOST_COMMIT, UNUSABLE = "partial commit", "lost commit", "unusable"
SLOW = {OPEN_BACKEND, ORPHAN, TASK}  # violations that a stalled machine can cause too
PASS, KNOWN, VIOLATION = "pass", "known", "violation"
AMBIGUOUS, UNRESOLVED = "ambiguous", "unresolved"


@dataclass(frozen=True)
class Outcome:
    """What happened in one run with a fault."""

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
    unconfirmed: Mapping[str, str] = field(default_factory=dict)  # by a second run
    defect: Upstream | None = None  # the known defect of a library that explains the violations

    @property
    def reached(self) -> bool:
        return self.delivered or bool(self.label) or not self.point.at

    @property
    def is_ambiguous(self) -> bool:
        """Whether the caller saw an error although the server committed everything."""
        return self.result != DONE and any(self.change) and self.change == self.expected_change

    @property
    def status(self) -> str:
        """One of the statuses PASS, KNOWN, VIOLATION, AMBIGUOUS or UNRESOLVED.

        UNRESOLVED means that the run proves nothing, for example because the fault did not arrive.
        """
        if self.violations:
            return KNOWN if self.defect else VIOLATION
        if self.unconfirmed or (self.point.at and not self.delivered):
            return UNRESOLVED
        return AMBIGUOUS if self.is_ambiguous else PASS

    @property
    def violations(self) -> dict[str, str]:
        """The violations and their evidence, for example {"orphan": "1 after dispose()"}."""
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
        saw = "the function ended normally" if self.result == DONE else saw
        rules = (
            (STUCK, not was_released, "the caller had not ended"),
            (WAITING, is_late, "the caller was released only by a cancel"),
            (SWALLOWED, self.delivered and is_other_error, saw),
            (CHECKED_OUT, self.checked_out, f"{self.checked_out} when the caller was released"),
            (OPEN_BACKEND, states, states),
            (TASK, self.leaked_tasks, ", ".join(self.leaked_tasks)),
            (PARTIAL_COMMIT, is_partial, change),
            (LOST_COMMIT, is_lost, "the function ended normally, but nothing was committed"),
            (TROUBLE, self.troubles, "; ".join(self.troubles)),
            (UNUSABLE, is_unusable, "; ".join(self.failed_uses)),
            (ORPHAN, self.orphans, f"{self.orphans} after dispose()"),
        )
        return {name: evidence for name, is_violated, evidence in rules if is_violated}


@dataclass(frozen=True)
class Cell:
    """The outcomes of one fault at the fault points of one function."""

    function: str
    fault: Fault
    counts: tuple[int, int]  # the numbers of points in two runs without a fault
    outcomes: tuple[Outcome, ...] = ()

    @property
    def violating(self) -> list[Outcome]:
        """The outcomes with violations, even if known defects explain them."""
        return [outcome for outcome in self.outcomes if outcome.violations]


def format_numbers(numbers: Iterable[Any]) -> str:
    return ", ".join(map(str, numbers))
