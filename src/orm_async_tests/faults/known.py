"""Violations that are expected: defects of the libraries, and one trap that must be caught.

They are expected strictly: one that does not show itself, where it was looked for, is an error too.
Where no issue is known the link is to the documentation of what was called.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from orm_async_tests.faults import outcome
from orm_async_tests.faults.kinds import PAIRS
from orm_async_tests.faults.outcome import Outcome
from orm_async_tests.faults.report import Cell
from orm_async_tests.harness.definitions.upstream import Upstream


@dataclass(frozen=True)
class Known:
    """A defect, and what it breaks: in which work, by which kinds of faults, which invariants.

    Faults are named by their kind, or with their moment. Without names of work it is one of any
    work, of users too, and `shown_by` says which patterns have to show it. One that is not
    `always` there depends on how busy the machine is.
    """

    defect: Upstream
    violations: frozenset[str]
    works: frozenset[str] = frozenset()
    faults: frozenset[str] = frozenset()
    shown_by: frozenset[str] = frozenset()
    always: bool = True
    function: str = ""  # in which the work is suspended, as the point's label has it

    def covers(self, seen: Outcome) -> bool:
        """Whether it explains all that was broken at a point."""
        fault = {seen.point.fault.kind, str(seen.point.fault)}
        return (
            (not self.works or seen.point.work in self.works)
            and (not self.faults or bool(fault & self.faults))
            and self.function in seen.label
            and set(seen.violations) <= self.violations
        )

    def in_cell(self, cell: Cell) -> bool:
        """Whether it has to be shown there."""
        fault = {cell.fault.kind, str(cell.fault)}
        named = cell.work in (self.works or self.shown_by)
        return self.always and named and (not self.faults or bool(fault & self.faults))


COPY_BEFORE_BEGIN = Known(
    Upstream(
        "BEGIN is sent with the first statement of SQLAlchemy: what the driver's connection is "
        "given before it commits by itself",
        {"asyncpg": ">=0.30,<0.33"},
        "https://docs.sqlalchemy.org/en/21/core/connections.html"
        "#working-with-driver-sql-and-raw-dbapi-connections",
    ),
    frozenset({outcome.PARTLY, outcome.OPEN_BACKEND, outcome.TROUBLE, outcome.CHECKED_OUT}),
    frozenset({"copy_first"}),
)
CLOSE_NEVER_BEGUN = Known(
    Upstream(
        "a close() that was made into a task, and is cancelled with all tasks before the task has "
        "begun, leaves its connection to the garbage collector",
        {"sqlalchemy": ">=2.1,<2.2"},
        "https://docs.python.org/3/library/asyncio-task.html#asyncio.shield",
    ),
    frozenset({outcome.CHECKED_OUT, outcome.OPEN_BACKEND, outcome.TROUBLE}),
    faults=frozenset({"shutdown-suspended"}),
    shown_by=frozenset({"load", "stream", "connect"}),
)
NEVER_RETRIEVED = Known(
    Upstream(
        "a COPY whose connection is ended by the server leaves a future whose error nobody reads",
        {"asyncpg": ">=0.30,<0.33"},
        "https://magicstack.github.io/asyncpg/current/api/index.html"
        "#asyncpg.connection.Connection.copy_records_to_table",
    ),
    frozenset({outcome.TROUBLE}),
    frozenset({"copy"}),
    frozenset({"terminate-suspended", "kill-suspended"}),
)
CURSOR_LEFT_OPEN = Known(
    Upstream(
        "a stream that is left before its end leaves its server-side cursor open",
        {"psycopg": "==3.3.9"},
        "https://www.psycopg.org/psycopg3/docs/advanced/cursors.html#server-side-cursors",
    ),
    frozenset({outcome.TROUBLE, outcome.CHECKED_OUT, outcome.OPEN_BACKEND}),
    frozenset({"stream"}),
)
COPY_HIDES_CANCEL = Known(
    Upstream(
        "a COPY that is cancelled as it starts raises an OperationalError and not CancelledError",
        {"psycopg": "==3.3.9"},
        "https://www.psycopg.org/psycopg3/docs/basic/copy.html",
    ),
    frozenset({outcome.SWALLOWED, outcome.TROUBLE}),
    frozenset({"copy", "copy_first"}),
    frozenset({"cancel", "shutdown", "timeout", *PAIRS}),
)
POISONED_PIPELINE = Known(
    Upstream(
        "an executemany() that is cancelled at its start leaves the pipeline mode on (test116)",
        {"psycopg": "==3.3.9"},
        "https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html",
    ),
    frozenset({outcome.SWALLOWED, outcome.UNUSABLE, outcome.TROUBLE}),
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
CLEAN_UP_FAILS = Known(
    Upstream(
        "a backend that ends while a cancelled transaction is rolled back: the caller sees that "
        "error, and no CancelledError",
        {"sqlalchemy": ">=2.1,<2.2", "asyncpg": ">=0.30,<0.33"},
        "https://docs.python.org/3/reference/simple_stmts.html#raise",
    ),
    frozenset({outcome.SWALLOWED}),
    faults=frozenset({"cancel+terminate"}),
    shown_by=frozenset({"copy"}),
)
CLEAN_UP_FAILS_TOO = Known(
    Upstream(
        "a backend that ends while a cancelled transaction is rolled back: the caller sees that "
        "error, no CancelledError, and the pool logs it",
        {"sqlalchemy": ">=2.1,<2.2", "psycopg": "==3.3.9"},
        "https://docs.python.org/3/reference/simple_stmts.html#raise",
    ),
    frozenset({outcome.SWALLOWED, outcome.TROUBLE}),
    faults=frozenset({"cancel+terminate"}),
    always=False,
)
NEVER_TIMED = Known(
    Upstream(
        "an engine without command_timeout waits without end for a server that is silent",
        {"asyncpg": ">=0.30,<0.33"},
        "https://magicstack.github.io/asyncpg/current/api/index.html#asyncpg.connection.connect",
    ),
    frozenset({outcome.WAITING}),
    frozenset({"read_untimed"}),
    frozenset({"stall", "partition"}),
)
NO_TIMEOUT = Known(
    Upstream(
        "there is no timeout for a command: a server that is silent is waited for without end",
        {"psycopg": "==3.3.9"},
        "https://www.psycopg.org/psycopg3/docs/api/connections.html#the-connection-class",
    ),
    frozenset({outcome.WAITING}),
    frozenset({"load", "connect", "commit", "read_untimed"}),
    frozenset({"stall", "partition"}),
)
EXIT_NOT_CANCELLED = Known(
    Upstream(
        "no cancel gets out of `async with AsyncSession()` while the server is silent (test155)",
        {"sqlalchemy": ">=2.0.55,<2.1 or >=2.1.2,<2.2"},
        "https://docs.sqlalchemy.org/en/21/changelog/changelog_21.html#change-2.1.2",
    ),
    frozenset({outcome.STUCK, outcome.TROUBLE}),
    frozenset({"read_untimed"}),
    frozenset({"stall", "partition"}),
)
LISTENER_BEGINS = Known(
    Upstream(
        "a cancel while a listener's own SQL sends BEGIN returns the connection to the pool with "
        "its transaction open (test208)",
        {"sqlalchemy": ">=2.0,<2.1", "asyncpg": ">=0.30,<0.33"},
        "https://github.com/sqlalchemy/sqlalchemy/issues/13381",
    ),
    frozenset({outcome.OPEN_BACKEND}),
    faults=frozenset({"cancel", "shutdown", "timeout", "scope"}),
    function="_start_transaction",
)
KNOWN = (  # the first that explains a point is named
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


def explained(cells: Sequence[Cell], libraries: Mapping[str, str]) -> None:
    """Note at each violating point which known defect of this stack explains it, if one does."""
    here = [known for known in KNOWN if known.defect.applies(libraries)]
    for cell in cells:
        for seen in cell.violating:
            seen.known = next((each.defect for each in here if each.covers(seen)), None)


def absent(cells: Sequence[Cell], libraries: Mapping[str, str]) -> Iterator[Upstream]:
    """The known defects of this stack that were looked for, and did not show themselves."""
    for known in KNOWN:
        looked = [cell for cell in cells if known.in_cell(cell)]
        found = any(map(known.covers, (each for cell in looked for each in cell.violating)))
        if looked and known.defect.applies(libraries) and not found:
            yield known.defect
