"""Violations that are expected: known defects of libraries, and patterns that are wrong on purpose.

The list is strict: it is also an error if a pattern no longer shows its defect. If no issue is
known, the link leads to the documentation of the API.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from orm_async_tests.faults.fault_points import PAIRS, Fault
from orm_async_tests.faults.report import (
    CHECKED_OUT,
    OPEN_BACKEND,
    PARTIAL_COMMIT,
    STUCK,
    SWALLOWED,
    TROUBLE,
    UNUSABLE,
    WAITING,
    Cell,
    Outcome,
)
from orm_async_tests.harness.definitions.upstream import Upstream


@dataclass(frozen=True)
class ExpectedViolation:
    """A known defect, the invariants that it violates, and where it shows."""

    defect: Upstream
    violations: frozenset[str]
    works: frozenset[str] = frozenset()  # the patterns that have the defect; if empty, any work
    faults: frozenset[str] = frozenset()  # by kind, or by kind and moment; if empty, any fault
    shown_by: frozenset[str] = frozenset()  # the patterns that must show a defect of any work
    always: bool = True  # whether every sweep shows it, however busy the machine is
    function: str = ""  # of a library in which the work is suspended, by its name in the label

    def explains(self, outcome: Outcome) -> bool:
        """Return whether the defect explains all violations at a point."""
        return (
            (not self.works or outcome.point.work in self.works)
            and self._applies_to(outcome.point.fault)
            and self.function in outcome.label
            and set(outcome.violations) <= self.violations
        )

    def must_show_in(self, cell: Cell) -> bool:
        """Return whether this cell must exhibit the defect."""
        is_named = cell.work in (self.works or self.shown_by)
        return self.always and is_named and self._applies_to(cell.fault)

    def _applies_to(self, fault: Fault) -> bool:
        return not self.faults or bool({fault.kind, str(fault)} & self.faults)


COPY_BEFORE_BEGIN = ExpectedViolation(
    Upstream(
        "SQLAlchemy sends BEGIN with its first statement, so a COPY that you send on the driver's "
        "connection before this statement commits by itself",
        {"asyncpg": ">=0.30,<0.33"},
        "https://docs.sqlalchemy.org/en/21/core/connections.html"
        "#working-with-driver-sql-and-raw-dbapi-connections",
    ),
    frozenset({PARTIAL_COMMIT, OPEN_BACKEND, TROUBLE, CHECKED_OUT}),
    frozenset({"copy_first"}),
)
CLOSE_NEVER_BEGUN = ExpectedViolation(
    Upstream(
        "SQLAlchemy runs close() in a separate task, and if a cancel of all tasks stops this task "
        "before it starts, only the garbage collector closes the connection",
        {"sqlalchemy": ">=2.1,<2.2"},
        "https://docs.python.org/3/library/asyncio-task.html#asyncio.shield",
    ),
    frozenset({CHECKED_OUT, OPEN_BACKEND, TROUBLE}),
    faults=frozenset({"shutdown-suspended"}),
    shown_by=frozenset({"load", "stream", "connect"}),
)
NEVER_RETRIEVED = ExpectedViolation(
    Upstream(
        "if the backend of a COPY is terminated, asyncpg leaves a future whose exception nobody "
        "retrieves",
        {"asyncpg": ">=0.30,<0.33"},
        "https://magicstack.github.io/asyncpg/current/api/index.html"
        "#asyncpg.connection.Connection.copy_records_to_table",
    ),
    frozenset({TROUBLE}),
    frozenset({"copy"}),
    frozenset({"terminate-suspended", "kill-suspended"}),
)
CURSOR_LEFT_OPEN = ExpectedViolation(
    Upstream(
        "a stream that is not read to its end leaves its server-side cursor open",
        {"psycopg": "==3.3.9"},
        "https://www.psycopg.org/psycopg3/docs/advanced/cursors.html#server-side-cursors",
    ),
    frozenset({TROUBLE, CHECKED_OUT, OPEN_BACKEND}),
    frozenset({"stream"}),
)
COPY_HIDES_CANCEL = ExpectedViolation(
    Upstream(
        "a COPY that is cancelled as it starts raises OperationalError instead of CancelledError",
        {"psycopg": "==3.3.9"},
        "https://www.psycopg.org/psycopg3/docs/basic/copy.html",
    ),
    frozenset({SWALLOWED, TROUBLE}),
    frozenset({"copy", "copy_first"}),
    frozenset({"cancel", "shutdown", "timeout", *PAIRS}),
)
POISONED_PIPELINE = ExpectedViolation(
    Upstream(
        "an executemany() that is cancelled as it starts stays in pipeline mode (test116)",
        {"psycopg": "==3.3.9"},
        "https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html",
    ),
    frozenset({SWALLOWED, UNUSABLE, TROUBLE}),
    frozenset({"bulk"}),
    frozenset({"cancel", "shutdown", "timeout", *PAIRS}),
    always=False,
)
CLOSE_CANCELLED_TOO = replace(
    CLOSE_NEVER_BEGUN,
    faults=frozenset({"cancel+shutdown-suspended"}),
    shown_by=frozenset(),
    always=False,
)
CLEAN_UP_FAILS = ExpectedViolation(
    Upstream(
        "if the backend ends while a cancelled transaction rolls back, the caller gets the error "
        "of the lost connection instead of CancelledError",
        {"sqlalchemy": ">=2.1,<2.2", "asyncpg": ">=0.30,<0.33"},
        "https://docs.python.org/3/reference/simple_stmts.html#raise",
    ),
    frozenset({SWALLOWED}),
    faults=frozenset({"cancel+terminate"}),
    shown_by=frozenset({"copy"}),
)
CLEAN_UP_FAILS_TOO = ExpectedViolation(
    Upstream(
        "if the backend ends while a cancelled transaction rolls back, the caller gets the error "
        "of the lost connection instead of CancelledError, and the pool logs an error",
        {"sqlalchemy": ">=2.1,<2.2", "psycopg": "==3.3.9"},
        "https://docs.python.org/3/reference/simple_stmts.html#raise",
    ),
    frozenset({SWALLOWED, TROUBLE}),
    faults=frozenset({"cancel+terminate"}),
    always=False,
)
NEVER_TIMED = ExpectedViolation(
    Upstream(
        "an asyncpg engine without command_timeout waits for a silent server forever",
        {"asyncpg": ">=0.30,<0.33"},
        "https://magicstack.github.io/asyncpg/current/api/index.html#asyncpg.connection.connect",
    ),
    frozenset({WAITING}),
    frozenset({"read_untimed"}),
    frozenset({"stall", "partition"}),
)
NO_TIMEOUT = ExpectedViolation(
    Upstream(
        "psycopg has no timeout for commands, so a command waits for a silent server forever",
        {"psycopg": "==3.3.9"},
        "https://www.psycopg.org/psycopg3/docs/api/connections.html#the-connection-class",
    ),
    frozenset({WAITING}),
    frozenset({"load", "connect", "commit", "read_untimed"}),
    frozenset({"stall", "partition"}),
)
EXIT_NOT_CANCELLED = ExpectedViolation(
    Upstream(
        "while the server is silent, no cancel ends an `async with AsyncSession()` block (test155)",
        {"sqlalchemy": ">=2.0.55,<2.1 or >=2.1.2,<2.2"},
        "https://docs.sqlalchemy.org/en/21/changelog/changelog_21.html#change-2.1.2",
    ),
    frozenset({STUCK, TROUBLE}),
    frozenset({"read_untimed"}),
    frozenset({"stall", "partition"}),
)
LISTENER_BEGINS = ExpectedViolation(
    Upstream(
        "if a task is cancelled while the SQL of a listener sends BEGIN, the connection returns to "
        "the pool with an open transaction (test208)",
        {"sqlalchemy": ">=2.0,<2.1", "asyncpg": ">=0.30,<0.33"},
        "https://github.com/sqlalchemy/sqlalchemy/issues/13381",
    ),
    frozenset({OPEN_BACKEND}),
    faults=frozenset({"cancel", "shutdown", "timeout", "scope"}),
    function="_start_transaction",
)
EXPECTED = (  # a point is explained by the first that fits
    COPY_BEFORE_BEGIN,
    NEVER_RETRIEVED,
    CURSOR_LEFT_OPEN,
    COPY_HIDES_CANCEL,
    POISONED_PIPELINE,
    CLOSE_NEVER_BEGUN,
    CLOSE_CANCELLED_TOO,
    CLEAN_UP_FAILS,
    CLEAN_UP_FAILS_TOO,
    NEVER_TIMED,
    NO_TIMEOUT,
    EXIT_NOT_CANCELLED,
    LISTENER_BEGINS,
)


def explain_outcome(outcome: Outcome, versions: Mapping[str, str]) -> Outcome:
    """Return the outcome with the known defect of these versions that explains it, if any."""
    defects = (
        expected.defect
        for expected in EXPECTED
        if expected.defect.applies(versions) and expected.explains(outcome)
    )
    return replace(outcome, defect=next(defects, None)) if outcome.violations else outcome


def explain(cell: Cell, versions: Mapping[str, str]) -> Cell:
    """Return the cell with the known defects that explain its outcomes."""
    outcomes = tuple(explain_outcome(outcome, versions) for outcome in cell.outcomes)
    return replace(cell, outcomes=outcomes)


def find_missing(cells: Sequence[Cell], versions: Mapping[str, str]) -> Iterator[Upstream]:
    """Yield the known defects of these versions that the cells had to show, but did not."""
    for expected in EXPECTED:
        required = [cell for cell in cells if expected.must_show_in(cell)]
        violating = (outcome for cell in required for outcome in cell.violating)
        is_shown = any(map(expected.explains, violating))
        if required and expected.defect.applies(versions) and not is_shown:
            yield expected.defect
