"""Reads and writes the baseline, a file of known findings. The baseline compares the text of lines
instead of their numbers.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from orm_async_tests import errors
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.finding import Finding, from_root

OPTION = "--baseline"
REWRITE = f"orm-async-tests lint {OPTION} {{}} --write-baseline"
SCHEMA = 1
FIELDS = ("path", "code", "text", "related")  # of a key

Key = tuple[str, ...]


def key_of(finding: Finding, root: Path) -> Key:
    """Return the parts of a finding that stay the same when lines are added above the finding, or
    when its line is indented.
    """
    related = finding.related.source.strip() if finding.related else ""
    place = finding.location
    return from_root(place.path, root), finding.code, place.source.strip(), related


def write_baseline(path: Path, findings: Iterable[Finding], root: Path) -> None:
    """Write the findings into the baseline in a stable order, so that diffs stay small. Raise
    CouldNotRun.
    """
    counts = Counter(key_of(finding, root) for finding in findings)
    entries = [
        {**dict(zip(FIELDS, key, strict=True)), "count": count}
        for key, count in sorted(counts.items())
    ]
    document = {"schema": SCHEMA, "findings": entries}
    errors.write_file(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n", OPTION)


def drop_known(findings: Iterable[Finding], path: Path, root: Path) -> tuple[list[Finding], str]:
    """Return the findings that are not in the baseline. If known findings no longer occur, also
    return a notice.

    Raise CouldNotRun if the baseline cannot be read.
    """
    known = _read_baseline(path)
    new = []
    for finding in findings:
        key = key_of(finding, root)
        known[key] -= 1
        if known[key] < 0:
            new.append(finding)
    cured = sum(count for count in known.values() if count > 0)
    notice = f"{cured} findings of {path} are cured\n  type:  {REWRITE.format(path)}\n"
    return new, notice if cured else ""


def _read_baseline(path: Path) -> Counter[Key]:
    """Return, for every finding, how often the baseline contains it."""
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']} is not {SCHEMA}")
        return Counter(
            {
                tuple(str(entry[name]) for name in FIELDS): int(entry["count"])
                for entry in document["findings"]
            }
        )
    except FileNotFoundError:
        raise CouldNotRun(
            "the baseline file does not exist", str(path), REWRITE.format(path)
        ) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        problem = f"the baseline cannot be read: {error!r}"
        raise CouldNotRun(problem, str(path), f"repair it, or {REWRITE.format(path)}") from None
