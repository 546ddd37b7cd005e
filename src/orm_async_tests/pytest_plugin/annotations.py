"""Write the findings of a test run as annotations and a job summary for GitHub Actions."""

import re
from collections.abc import Iterable
from pathlib import Path

from orm_async_tests import github
from orm_async_tests.pytest_plugin.findings import CURES, Finding, group_by_finding

LOCATION = re.compile(r"(?P<file>.+\.\w+):(?P<line>\d+) in .+")


def write_annotations(findings: Iterable[tuple[str, Finding]]) -> None:
    """Write an annotation at the line of every finding, and a table of all findings."""
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
