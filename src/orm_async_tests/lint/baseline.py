"""Reads and writes the baseline, a file of known findings.

The baseline contains source text instead of line numbers, because line numbers change often. Its
paths are relative to its folder.
"""

import json
import shlex
import sys
from collections import Counter
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


def write_baseline(path: Path, report: Report) -> None:
    """Write the findings of a report to a file, sorted so that diffs stay small.

    Keep the known findings of other files and other rules. Raise CouldNotRun if the file contains
    anything other than a baseline.
    """
    keys = Counter(key_of(finding, path.parent) for finding in report.findings)
    if path.is_file() and path.stat().st_size:
        known = _read_baseline(path)
        keys |= known - _checked(known, path, report)
    entries = [
        dict(zip((*FIELDS, "count"), (*key, count), strict=True))
        for key, count in sorted(keys.items())
    ]
    document = {"schema": SCHEMA, "findings": entries}
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    # A file name may contain bytes that are not UTF-8. JSON can escape them.
    write_file(path, text.encode("utf-8", "backslashreplace").decode(), OPTION)


def drop_known(report: Report, path: Path) -> None:
    """Remove the findings of the baseline from a report.

    Print a notice if the baseline lists findings that no longer occur.
    """
    known = _read_baseline(path)
    new = []
    for finding in report.findings:
        key = key_of(finding, path.parent)
        known[key] -= 1
        new += [finding] if known[key] < 0 else []
    report.findings = new
    if fixed := _checked(known, path, report).total():
        notice = f"the baseline lists findings that no longer occur: {fixed}"
        remedy = REWRITE.format(shlex.quote(str(path)))
        print(CouldNotRun(notice, str(path), remedy), file=sys.stderr)


def _checked(known: Counter[Key], path: Path, report: Report) -> Counter[Key]:
    """Return the known findings of files that were checked or do not exist, and rules that ran."""
    unread = {file.path for file in report.unread}
    files = {from_root(str(file), path.parent) for file in report.files if str(file) not in unread}
    counts = {key: count for key, count in (+known).items() if key[1] in report.codes
              and (key[0] in files or not (path.parent / key[0]).exists())}  # fmt: skip
    return Counter(counts)


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
        remedy = REWRITE.format(shlex.quote(str(path)))
        if not isinstance(error, OSError):
            remedy = f"correct or delete the file, and run {remedy}"
        raise CouldNotRun(problem, str(path), remedy) from None
