"""The outcome of a fault at one point, and the invariants that it violates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orm_async_tests.faults.fault_points import Point
from orm_async_tests.harness.definitions.upstream import Upstream

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


@dataclass(frozen=True)
class Outcome:
    """The observations of one run with a fault at a point."""

    point: Point
    label: str = ""
    """The user's line and the library's calls at which the task was suspended."""
    count: int = 0
    """The number of suspensions or messages in this run."""
    delivered: bool = False
    """Whether the fault is known to have arrived."""
    result: str = ""
    """DONE, or the class of the error that the caller saw; empty if it was never released."""
    message: str = ""
    """The first line of the caller's error."""
    needed_cancel: bool = False
    """Whether the caller had to be cancelled because the network was silent."""
    seconds: float = 0.0
    """The time from the fault until the caller was released."""
    checked_out: int = 0
    """The number of connections that were checked out when the caller was released."""
    backend_states: tuple[str, ...] = ()
    """The states of backends that were still active or in a transaction some seconds later."""
    leaked_tasks: tuple[str, ...] = ()
    """The names of tasks that were still running some seconds later."""
    change: tuple[Any, ...] = ()
    """By how much each number of the user's query differs from before the run."""
    expected_change: tuple[Any, ...] = ()
    """The change of a run without a fault."""
    troubles: tuple[str, ...] = ()
    """Warnings, logged errors and exceptions that no caller could see."""
    failed_uses: tuple[str, ...] = ()
    """The errors of the next uses of the engine, until one worked."""
    orphans: int = 0
    """The number of connections that were open after `dispose()`."""
    unconfirmed: Mapping[str, str] = field(default_factory=dict)
    """Violations of an earlier run of this point that this run did not repeat."""
    defect: Upstream | None = None
    """The known defect of a library that explains the violations."""

    @property
    def reached(self) -> bool:
        """Return whether the work came to the point."""
        return self.delivered or bool(self.label)

    @property
    def is_unchanged(self) -> bool:
        """Return whether no number of the user's query has changed."""
        return not any(self.change)

    @property
    def is_ambiguous(self) -> bool:
        """Return whether the caller saw an error although everything was committed."""
        committed = not self.is_unchanged and self.change == self.expected_change
        return self.result != DONE and committed

    @property
    def is_failure(self) -> bool:
        """Return whether there is a violation that no known defect explains."""
        return bool(self.violations) and self.defect is None

    @property
    def is_unresolved(self) -> bool:
        """Return whether the run proves nothing.

        The fault may not have arrived, or an earlier violation was not repeated.
        """
        return not self.violations and (bool(self.unconfirmed) or not self.delivered)

    @property
    def violations(self) -> dict[str, str]:
        """Return the violated invariants, each with its evidence."""
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
        yield from self._check_data()
        if self.troubles:
            yield TROUBLE, "; ".join(self.troubles)
        if len(self.failed_uses) > self.point.fault.ends_connections:
            yield UNUSABLE, "; ".join(self.failed_uses)
        if self.orphans:
            yield ORPHAN, f"{self.orphans} after dispose()"

    def _check_data(self) -> Iterator[tuple[str, str]]:
        if not self.is_unchanged and self.change != self.expected_change:
            yield PARTIAL_COMMIT, f"changed by {self.change} instead of {self.expected_change}"
        elif self.result == DONE and self.is_unchanged and any(self.expected_change):
            yield LOST_COMMIT, "the work ended normally, but nothing was committed"
