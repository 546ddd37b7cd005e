"""Lists expected violations. A violation is expected if a library has a known defect, or if a
pattern is wrong on purpose.

The file data/expected_violations.toml contains the list of expected violations. A sweep also fails
if a listed violation no longer occurs.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from orm_async_tests.faults.fault_points import Fault
from orm_async_tests.faults.report import Cell, Outcome
from orm_async_tests.harness.definitions.upstream import Upstream

FILE = Path(__file__).parents[1] / "data/expected_violations.toml"


@dataclass(frozen=True)
class ExpectedViolation:
    """A known defect, the rules that it violates, and the places where it occurs."""

    defect: Upstream
    violations: frozenset[str]
    works: frozenset[str]  # the patterns that have the defect; if empty, any work
    faults: frozenset[str]  # by kind, or by kind and moment; if empty, any fault
    shown_by: frozenset[str]  # the patterns that must show a defect of any work
    always: bool  # whether every sweep shows it, however busy the machine is
    function: str  # of a library in which the work is suspended, by its name in the label

    def explains(self, outcome: Outcome) -> bool:
        """Return whether this defect explains all violations at a fault point."""
        return (
            (not self.works or outcome.point.work in self.works)
            and self.applies_to(outcome.point.fault)
            and self.function in outcome.label
            and set(outcome.violations) <= self.violations
        )

    def applies_to(self, fault: Fault) -> bool:
        return not self.faults or bool({fault.kind, str(fault)} & self.faults)


@cache
def read_expected() -> dict[str, ExpectedViolation]:
    """Return the expected violations. The keys are the names of the tables in
    data/expected_violations.toml.
    """
    return {
        name: ExpectedViolation(
            Upstream(table["description"], table["versions"], table["link"]),
            frozenset(table["violations"]),
            frozenset(table.get("works", ())),
            frozenset(table.get("faults", ())),
            frozenset(table.get("shown_by", ())),
            always=table.get("always", True),
            function=table.get("function", ""),
        )
        for name, table in tomllib.loads(FILE.read_text("utf-8")).items()
    }


def explain_outcome(outcome: Outcome, versions: Mapping[str, str]) -> Outcome:
    """Return the outcome. If a known defect of the installed versions explains the violations, add
    the defect to the outcome.
    """
    defects = (
        expected.defect
        for expected in read_expected().values()
        if expected.defect.applies(versions) and expected.explains(outcome)
    )
    return replace(outcome, defect=next(defects, None)) if outcome.violations else outcome


def explain(cell: Cell, versions: Mapping[str, str]) -> Cell:
    """Return the cell, after adding to each outcome the known defect that explains it."""
    outcomes = tuple(explain_outcome(outcome, versions) for outcome in cell.outcomes)
    return replace(cell, outcomes=outcomes)


def find_missing(cells: Sequence[Cell], versions: Mapping[str, str]) -> Iterator[Upstream]:
    """Yield known defects of these versions that the sweep should have shown, but did not show."""
    for expected in read_expected().values():
        works = (expected.works or expected.shown_by) if expected.always else ()
        required = [
            cell for cell in cells if cell.work in works and expected.applies_to(cell.fault)
        ]
        violating = (outcome for cell in required for outcome in cell.violating)
        is_shown = any(map(expected.explains, violating))
        if required and expected.defect.applies(versions) and not is_shown:
            yield expected.defect
