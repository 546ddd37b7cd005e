"""Reads and writes the baseline, a file of known findings.

The baseline contains source text instead of line numbers, because line numbers change often.
"""

import json
import shlex
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.finding import Finding, from_root
from orm_async_tests.lint.project_check import Report
from orm_async_tests.output_files import write_file

OPTION = "--baseline"
REWRITE = f"orm-async-tests lint {OPTION} {{}} --write-baseline"
SCHEMA = 1
FIELDS = ("path", "code", "text", "related")  # the fields of a key

Key = tuple[str, ...]


def key_of(finding: Finding, root: Path) -> Key:
    """Return a key that identifies a finding even after its code moves."""
    texts = [place.source.strip() for place in finding.places]
    return from_root(finding.location.path, root), finding.code, texts[0], "".join(texts[1:])


def write_baseline(path: Path, findings: Iterable[Finding], root: Path) -> None:
    """Write the findings to a file, sorted so that diffs stay small."""
    counts = sorted(Counter(key_of(finding, root) for finding in findings).items())
    entries = [dict(zip((*FIELDS, "count"), (*key, count), strict=True)) for key, count in counts]
    document = {"schema": SCHEMA, "findings": entries}
    write_file(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n", OPTION)


def drop_known(report: Report, path: Path, codes: Collection[str]) -> None:
    """Remove the findings of the baseline from a report.

    Print a notice if the baseline lists findings that no longer occur. The parameter `codes` names
    the rules that ran.
    """
    known = _read_baseline(path)
    new = []
    for finding in report.findings:
        key = key_of(finding, report.root)
        known[key] -= 1
        new += [finding] if known[key] < 0 else []
    report.findings = new
    unread = {file.path for file in report.unread}
    files = {from_root(str(file), report.root) for file in report.files if str(file) not in unread}
    fixed = sum(
        count
        for (name, code, *_), count in (+known).items()
        if code in codes and (name in files or not (report.root / name).exists())
    )
    if fixed:
        notice = f"the baseline lists findings that no longer occur: {fixed}"
        print(
            CouldNotRun(notice, str(path), REWRITE.format(shlex.quote(str(path)))), file=sys.stderr
        )


def _read_baseline(path: Path) -> Counter[Key]:
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']} is not {SCHEMA}")
        entries = document["findings"]
        return Counter(
            {tuple(str(entry[name]) for name in FIELDS): int(entry["count"]) for entry in entries}
        )
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        problem = f"the baseline cannot be read: {getattr(error, 'strerror', None) or repr(error)}"
        raise CouldNotRun(problem, str(path), REWRITE.format(shlex.quote(str(path)))) from None
