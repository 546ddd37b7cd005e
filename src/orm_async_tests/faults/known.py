"""Violations that are expected: defects of the libraries, and one trap that must be caught.

They are expected strictly: one that does not show itself, where it was looked for, is an error too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orm_async_tests.faults import outcome
from orm_async_tests.faults.outcome import Outcome
from orm_async_tests.faults.report import Cell
from orm_async_tests.harness.upstream import Upstream


@dataclass(frozen=True)
class Known:
    """A defect, and what it breaks: in which work, by which kinds of faults, which invariants.

    Without names of work it is one of any work, of users too, and of any kind without kinds. One
    that is not `always` there depends on how fast the server answers.
    """

    defect: Upstream
    violations: frozenset[str]
    works: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    always: bool = True

    def covers(self, seen: Outcome) -> bool:
        """Whether it explains all that was broken at a point."""
        return self._concerns(seen.point.work, seen.point.fault.kind) and (
            set(seen.violations) <= self.violations
        )

    def in_cell(self, cell: Cell) -> bool:
        """Whether it is looked for there by name."""
        return cell.work in self.works and self._concerns(cell.work, cell.fault.kind)

    def _concerns(self, work: str, kind: str) -> bool:
        return (not self.works or work in self.works) and (not self.kinds or kind in self.kinds)


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
    kinds=frozenset({"shutdown"}),
)
NEVER_RETRIEVED = Known(
    Upstream(
        "a COPY whose connection is ended by the server leaves a future whose error nobody reads",
        {"asyncpg": ">=0.30,<0.33"},
        "https://github.com/MagicStack/asyncpg/issues/1069",
    ),
    frozenset({outcome.TROUBLE}),
    frozenset({"copy"}),
    frozenset({"terminate"}),
)
KNOWN = (COPY_BEFORE_BEGIN, CLOSE_NEVER_BEGUN, NEVER_RETRIEVED)


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
        if looked and known.always and known.defect.applies(libraries) and not found:
            yield known.defect
