"""A finding says what a test did wrong, on which line, and how to fix the test.

The baseline is a file that lists known findings. A finding in the baseline does not fail its test.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from orm_async_tests.errors import CouldNotRun

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
LOCATION = re.compile(r"(?P<file>.+\.\w+):(?P<line>\d+) in .+")
PROPERTY = "async-orm"  # the name of the report property that carries a finding
Baseline = dict[str, set[str]]  # the kinds of findings, by the id of a test
BASELINE_OPTION = "--async-orm-baseline"
BASELINE_WRITE_OPTION = "--async-orm-baseline-write"
REWRITE = f"pytest ... {BASELINE_WRITE_OPTION}"


@dataclass(frozen=True)
class Finding:
    """A misuse of async SQLAlchemy in a test."""

    kind: str
    location: str  # the line of the user's code that the finding is about
    problem: str  # what happened there, on one line; it names the location

    def __str__(self) -> str:
        return f"{self.kind}: {self.problem}\n    cure: {CURES[self.kind]}"

    def to_property(self) -> tuple[str, object]:
        """Return the finding as a property of a test report, because pytest-xdist can send
        properties.
        """
        return PROPERTY, json.dumps(asdict(self))


def read_properties(properties: Iterable[tuple[str, object]]) -> list[Finding]:
    """Return the findings in the properties of a test report."""
    return [Finding(**json.loads(str(value))) for name, value in properties if name == PROPERTY]


def group_by_finding(findings: Iterable[tuple[str, Finding]]) -> dict[Finding, list[str]]:
    """Group pairs of a test's id and a finding. Return each finding with the tests that have it."""
    tests: dict[Finding, list[str]] = {}
    for test, finding in findings:
        names = tests.setdefault(finding, [])
        names += [] if test in names else [test]
    order = sorted(tests, key=lambda finding: (finding.kind, finding.location))
    return {finding: tests[finding] for finding in order}


def summarize(findings: Iterable[tuple[str, Finding]]) -> Iterator[str]:
    """Yield lines for a section of the terminal output, from pairs of a test's id and a finding.

    If several tests have the same finding, show it once, with the names of these tests.
    """
    for finding, tests in group_by_finding(findings).items():
        yield f"{finding.kind} at {finding.location}"
        yield f"    {finding.problem}"
        yield from (f"    test: {test}" for test in tests)
        yield f"    cure: {CURES[finding.kind]}"


def write_annotations(findings: Iterable[tuple[str, Finding]]) -> None:
    """Write every finding as an annotation and in the job summary for GitHub Actions."""
    from orm_async_tests import github

    annotations, rows = [], [("Finding", "Line", "Problem", "Tests")]
    for finding, tests in group_by_finding(findings).items():
        cure = CURES[finding.kind]
        match = LOCATION.fullmatch(finding.location)
        path = github.relative_path(Path(match["file"]).absolute()) if match else ""
        line = int(match["line"]) if match and path else 0
        text = "\n".join([finding.problem, *(f"test: {test}" for test in tests), f"cure: {cure}"])
        title = f"async-orm {finding.kind}"
        annotations.append(github.Annotation("error", title, text, path, line))
        rows.append((finding.kind, finding.location, finding.problem, ", ".join(tests)))
    if annotations:
        summary = github.render_summary("Misuse of async SQLAlchemy", rows)
        github.write(annotations, summary)


def read_baseline(path: Path) -> Baseline:
    """Return the findings that the baseline file lists. Raise CouldNotRun if the file cannot be
    read.
    """
    try:
        return {
            str(test): {str(kind) for kind in kinds}
            for test, kinds in json.loads(path.read_text("utf-8")).items()
        }
    except FileNotFoundError:
        raise CouldNotRun("the baseline file does not exist", str(path), REWRITE) from None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        remedy = f"repair the file, or write it again: {REWRITE}"
        raise CouldNotRun(f"the baseline cannot be read: {error}", str(path), remedy) from None


def check_writable(path: Path) -> None:
    """Raise CouldNotRun, before the tests run, if the baseline file cannot be written."""
    folder = path.absolute().parent
    if not folder.is_dir():
        problem = "the folder of the baseline does not exist"
    elif path.is_dir():
        problem = "the baseline is a folder"
    elif not os.access(path if path.exists() else folder, os.W_OK):
        problem = "the baseline cannot be written: permission denied"
    else:
        return
    raise CouldNotRun(problem, str(path), f"{BASELINE_OPTION} FILE, with a file that you can write")


def write_baseline(path: Path, findings: Baseline) -> None:
    """Write the baseline. Its entries have a stable order, so that diffs stay small. Raises
    CouldNotRun.
    """
    ordered = {test: sorted(kinds) for test, kinds in sorted(findings.items()) if kinds}
    try:
        path.write_text(json.dumps(ordered, indent=2) + "\n", "utf-8")
    except OSError as error:
        problem = f"the baseline cannot be written: {error.strerror}"
        remedy = f"{BASELINE_OPTION} FILE, with a file that you can write"
        raise CouldNotRun(problem, str(path), remedy) from None


def find_cured(baseline: Baseline, current: Baseline) -> list[tuple[str, str]]:
    """Return the findings of the baseline that did not occur in this run, as pairs of a test and a
    kind.
    """
    return [
        (test, kind)
        for test in sorted(current)
        for kind in sorted(baseline.get(test, set()) - current[test])
    ]
