"""The file of known findings (the baseline), which compares contents and not line numbers."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orm_async_tests import output_files
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.source_text import SourceTexts

OPTION, WRITE_OPTION = "--baseline", "--write-baseline"
SCHEMA = 1


@dataclass(frozen=True, order=True)
class Key:
    """What stays the same when lines are added above a finding, or when it is indented."""

    path: str
    code: str
    text: str
    related: str = ""


def key_of(finding: Finding, sources: SourceTexts) -> Key:
    """Return the key of a finding: its file, its code and the source lines of its locations."""
    related = sources.line(finding.related).strip() if finding.related else ""
    path = sources.from_root(finding.location.path)
    return Key(path, finding.code, sources.line(finding.location).strip(), related)


def read_known(path: Path) -> Counter[Key]:
    """Return how often every finding is known. Raise CouldNotRun if the file cannot be read."""
    rewrite = f"orm-async-tests lint {OPTION} {path} {WRITE_OPTION}"
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']} is not {SCHEMA}")
        return Counter(
            {
                Key(*(str(entry[name]) for name in Key.__dataclass_fields__)): int(entry["count"])
                for entry in document["findings"]
            }
        )
    except FileNotFoundError:
        raise CouldNotRun("there is no baseline", str(path), rewrite) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        problem = f"the baseline cannot be read: {error!r}"
        raise CouldNotRun(problem, str(path), f"repair it, or {rewrite}") from None


def write_known(path: Path, findings: Iterable[Finding], sources: SourceTexts) -> None:
    """Write the findings in a stable order, so that diffs stay small. Raise CouldNotRun."""
    counts = Counter(key_of(finding, sources) for finding in findings)
    entries = [{**vars(key), "count": count} for key, count in sorted(counts.items())]
    document = {"schema": SCHEMA, "findings": entries}
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    output_files.write(path, text, OPTION)


def drop_known(
    findings: Sequence[Finding], known: Counter[Key], sources: SourceTexts
) -> tuple[list[Finding], int]:
    """Return the findings that are not known, and how many known ones are cured."""
    remaining = known.copy()
    new = []
    for finding in findings:
        key = key_of(finding, sources)
        if remaining[key] > 0:
            remaining[key] -= 1
        else:
            new.append(finding)
    return new, remaining.total()
