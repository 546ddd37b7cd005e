"""A finding says what a test did wrong, on which line, and how to fix the test."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

CONNECTION, TRANSACTION, TWO_TASKS = "connection", "transaction", "two-tasks"
ENGINE, LOOP = "engine", "loop"
CURES = {  # by kind: what to do, and the scripts that show it
    CONNECTION: "return it with `async with` (orm-async-tests explain 83, 27)",
    TRANSACTION: "end it with `async with`, commit() or rollback() "
    "(orm-async-tests explain 18, 83)",
    TWO_TASKS: "use one session or connection per task, and close asynchronous generators with "
    "aclosing() (orm-async-tests explain 24, 25, 26, 28)",
    ENGINE: "await engine.dispose() in the engine's event loop (orm-async-tests explain 30, 84)",
    LOOP: "dispose the engine before its event loop ends, or use NullPool "
    "(orm-async-tests explain 30)",
}
PROPERTY = "async-orm"  # the name of the report property that carries a finding


@dataclass(frozen=True)
class Finding:
    """A misuse of async SQLAlchemy by a test."""

    kind: str
    location: str  # the line of the user's code that the finding is about
    problem: str  # what happened there, on one line; it names the location

    def __str__(self) -> str:
        return f"{self.kind}: {self.problem}\n    cure: {CURES[self.kind]}"

    def to_property(self) -> tuple[str, object]:
        """Return the finding as a property of a test report. pytest-xdist can send such a
        property.
        """
        return PROPERTY, json.dumps(asdict(self))


def read_properties(properties: Iterable[tuple[str, object]]) -> list[Finding]:
    """Return the findings that the properties of a test report contain."""
    return [Finding(**json.loads(str(value))) for name, value in properties if name == PROPERTY]


def group_by_finding(findings: Iterable[tuple[str, Finding]]) -> dict[Finding, list[str]]:
    """Return each finding with the tests that have it, from pairs of a test's id and a finding."""
    tests: dict[Finding, list[str]] = {}
    for test, finding in findings:
        names = tests.setdefault(finding, [])
        names += [] if test in names else [test]
    order = sorted(tests, key=lambda finding: (finding.kind, finding.location))
    return {finding: tests[finding] for finding in order}


def summarize(findings: Iterable[tuple[str, Finding]]) -> Iterator[str]:
    """Yield the lines of the section in the terminal, from pairs of a test's id and a finding.

    If several tests have equal findings, one group shows the finding and lists the tests.
    """
    for finding, tests in group_by_finding(findings).items():
        yield f"{finding.kind} at {finding.location}"
        yield f"    {finding.problem}"
        yield from (f"    test: {test}" for test in tests)
        yield f"    cure: {CURES[finding.kind]}"
