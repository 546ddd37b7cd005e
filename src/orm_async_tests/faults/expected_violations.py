"""Reads the expected violations from data/expected_violations.toml.

Expected violations come from known defects of libraries, and from deliberate mistakes in patterns.
A sweep fails if an expected violation does not occur.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from orm_async_tests.faults.fault_points import Fault
from orm_async_tests.faults.outcomes import Cell, Outcome
from orm_async_tests.harness.definitions.upstream import Upstream

FIELDS = ("description", "versions", "link")  # of a defect
FILE = Path(__file__).parents[1] / "data/expected_violations.toml"


@dataclass(frozen=True)
class ExpectedViolation:
    """A known defect, and the violations that it causes."""

    defect: Upstream
    violations: Collection[str]
    patterns: Collection[str] = ()  # the patterns with the defect; if empty, any function
    faults: Collection[str] = ()  # kinds, or kinds and moments; if empty, any fault
    shown_by: Collection[str] = ()  # the patterns that must show a defect of any function
    always: bool = True  # whether every sweep shows the defect, even on a busy machine
    library_function: str = ""  # a part of the label: where the task is suspended

    def explains(self, outcome: Outcome) -> bool:
        return (
            (not self.patterns or outcome.point.function in self.patterns)
            and self.applies_to(outcome.point.fault)
            and self.library_function in outcome.label
            and set(outcome.violations) <= set(self.violations)
        )

    def applies_to(self, fault: Fault) -> bool:
        return not self.faults or fault.kind in self.faults or str(fault) in self.faults


@cache
def read_expected() -> dict[str, ExpectedViolation]:
    tables = tomllib.loads(FILE.read_text("utf-8"))
    return {
        name: ExpectedViolation(Upstream(*map(table.pop, FIELDS)), **table)
        for name, table in tables.items()
    }


def explain_outcome(outcome: Outcome, versions: Mapping[str, str]) -> Outcome:
    defects = (
        expected.defect
        for expected in read_expected().values()
        if expected.defect.applies(versions) and expected.explains(outcome)
    )
    return replace(outcome, defect=next(defects, None)) if outcome.violations else outcome


def find_unshown_defects(cells: Sequence[Cell], versions: Mapping[str, str]) -> Iterator[Upstream]:
    """Yield the known defects that a sweep should have shown but did not."""
    for expected in read_expected().values():
        patterns = (expected.patterns or expected.shown_by) if expected.always else ()
        required = [
            cell for cell in cells if cell.function in patterns and expected.applies_to(cell.fault)
        ]
        violating = (outcome for cell in required for outcome in cell.violating)
        is_shown = any(map(expected.explains, violating))
        if required and expected.defect.applies(versions) and not is_shown:
            yield expected.defect
