"""Defines a finding: what a test did wrong, on which line, and how to fix the test.

The baseline is a file of known findings. A known finding does not make a test fail.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.output_files import write_file

CONNECTION, TRANSACTION, TWO_TASKS = "connection", "transaction", "two-tasks"
ENGINE, LOOP = "engine", "loop"
CURES = {  # by kind: what to do, and the scripts that show it
    CONNECTION: "return the connection with `async with` (orm-async-tests explain 83, 27)",
    TRANSACTION: "end the transaction with `async with`, commit() or rollback() "
    "(orm-async-tests explain 18, 83)",
    TWO_TASKS: "use one session or connection per task, and close asynchronous generators with "
    "aclosing() (orm-async-tests explain 24, 25, 26, 28)",
    ENGINE: "await engine.dispose() in the engine's event loop (orm-async-tests explain 30, 84)",
    LOOP: "dispose the engine before its event loop ends, or use NullPool "
    "(orm-async-tests explain 30)",
}
LOCATION = re.compile(r"(?P<file>.+\.\w+):(?P<line>\d+) in .+")
PROPERTY = "async-orm"  # the name of the report property that carries a finding
Baseline = dict[str, set[str]]  # the kinds of findings, by the id of a test
BASELINE_OPTION = "--async-orm-baseline"
REWRITE = f"pytest ... {BASELINE_OPTION}-write"


@dataclass(frozen=True)
class Finding:
    kind: str
    location: str  # the line of the user's code that the finding is about
    problem: str  # what happened there, on one line; it names the location

    def __str__(self) -> str:
        return f"{self.kind}: {self.problem}\n    cure: {CURES[self.kind]}"

    def to_property(self) -> tuple[str, object]:
        """Return an entry for `user_properties`, which pytest-xdist sends to the main process."""
        return PROPERTY, json.dumps(asdict(self))


def read_properties(properties: Iterable[tuple[str, object]]) -> list[Finding]:
    return [Finding(**json.loads(str(value))) for name, value in properties if name == PROPERTY]


def group_by_finding(findings: Iterable[tuple[str, Finding]]) -> dict[Finding, list[str]]:
    tests: dict[Finding, dict[str, None]] = {}  # ordered sets
    for test, finding in sorted(findings, key=lambda pair: (pair[1].kind, pair[1].location)):
        tests.setdefault(finding, {})[test] = None
    return {finding: list(names) for finding, names in tests.items()}


def summarize(findings: Iterable[tuple[str, Finding]]) -> Iterator[str]:
    for finding, tests in group_by_finding(findings).items():
        yield f"{finding.kind} at {finding.location}"
        yield f"    {finding.problem}"
        yield from (f"    test: {test}" for test in tests)
        yield f"    cure: {CURES[finding.kind]}"


def write_annotations(findings: Iterable[tuple[str, Finding]]) -> None:
    from orm_async_tests import github

    annotations, rows = [], [("Finding", "Line", "Problem", "Tests")]
    for finding, tests in group_by_finding(findings).items():
        match = LOCATION.fullmatch(finding.location)
        path = github.relative_path(Path(match["file"]).absolute()) if match else ""
        line = int(match["line"]) if match and path else 0
        names = "".join(f"\ntest: {test}" for test in tests)
        text = f"{finding.problem}{names}\ncure: {CURES[finding.kind]}"
        title = f"async-orm {finding.kind}"
        annotations.append(github.Annotation("error", title, text, path, line))
        rows.append((finding.kind, finding.location, finding.problem, ", ".join(tests)))
    if annotations:
        github.write(annotations, github.render_summary("Misuse of async SQLAlchemy", rows))


def read_baseline(path: Path) -> Baseline:
    """Return the findings in a baseline file. Raise CouldNotRun if the file is unreadable."""
    try:
        return {
            str(test): {str(kind) for kind in kinds}
            for test, kinds in json.loads(path.read_text("utf-8")).items()
        }
    except FileNotFoundError:
        raise CouldNotRun("the baseline file does not exist", str(path), REWRITE) from None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        remedy = f"repair the file, or delete it and write it again: {REWRITE}"
        raise CouldNotRun(f"the baseline cannot be read: {error}", str(path), remedy) from None


def write_baseline(path: Path, findings: Baseline) -> None:
    """Write the findings in a stable order, so that diffs stay small."""
    ordered = {test: sorted(kinds) for test, kinds in sorted(findings.items()) if kinds}
    write_file(path, json.dumps(ordered, indent=2) + "\n", BASELINE_OPTION)
