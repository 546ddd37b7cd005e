"""The output of the checker, in every format."""

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from orm_async_tests import github, sarif
from orm_async_tests.lint.finding import Finding, Location
from orm_async_tests.lint.known_findings import key_of
from orm_async_tests.lint.rules import RULES
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.source_text import SourceTexts, from_here
from orm_async_tests.lint.suppressions import UnusedIgnore
from orm_async_tests.lint.unread_files import UnreadFile

SCHEMA = 1  # of the JSON document; raise it when a reader would have to change
NAMED: dict[str, type[Rule]] = {UnusedIgnore.code: UnusedIgnore, **RULES}


@dataclass(frozen=True)
class Outcome:
    """What a check has to show."""

    findings: Sequence[Finding]
    unread: Sequence[UnreadFile]
    files: int
    sources: SourceTexts


def render_text(outcome: Outcome) -> Iterator[str]:
    """Yield three parts for every finding: what, where with the source lines, what to type."""
    for finding in outcome.findings:
        yield f"{finding.code} {finding.message}"
        place = finding.location
        yield f"  where: {from_here(place.path)}:{place.line}:{place.column}"
        yield from _excerpt(place, "", outcome.sources)
        if related := finding.related:
            if related.path != place.path:
                yield f"         {from_here(related.path)}:{related.line}:{related.column}"
            yield from _excerpt(related, finding.related_message, outcome.sources)
        yield f"  write: {finding.remedy}"
        if finding.code in RULES:
            yield f"  type:  orm-async-tests explain {finding.code}"
        yield ""
    yield summarize(outcome)


def summarize(outcome: Outcome) -> str:
    """Return the last line of the text: how many findings there are."""
    total = len(outcome.findings)
    files = f"{outcome.files} file{'s' if outcome.files != 1 else ''}"
    if not total:
        return f"no findings in {files}"
    fixable = sum(finding.fix is not None for finding in outcome.findings)
    hint = f"; {fixable} can be fixed: orm-async-tests lint --fix" if fixable else ""
    return f"{total} finding{'s' if total != 1 else ''} in {files}{hint}"


def _excerpt(place: Location, message: str, sources: SourceTexts) -> Iterator[str]:
    """Yield a source line, and carets below the location."""
    line = sources.line(place)
    before, marked = line[: place.column - 1], line[place.column - 1 :]
    if place.end_line == place.line:
        marked = marked[: place.end_column - place.column]
    margin = "".join("\t" if letter == "\t" else " " * _width(letter) for letter in before)
    carets = "^" * max(1, sum(map(_width, marked.rstrip())))
    yield f"  {place.line:>6} | {line.rstrip()}"
    yield f"  {'':6} | {margin}{carets} {message}".rstrip()


def _width(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def render_concise(outcome: Outcome) -> Iterator[str]:
    """Yield a line for every finding, as compilers do."""
    for finding in outcome.findings:
        place = finding.location
        where = f"{from_here(place.path)}:{place.line}:{place.column}"
        yield f"{where}: {finding.code} {finding.message}"


def render_json(outcome: Outcome) -> Iterator[str]:
    """Yield one document with everything that is known about the findings."""
    document = {
        "schema": SCHEMA,
        "files": outcome.files,
        "findings": list(map(_json_finding, outcome.findings)),
        "unread": [
            {"path": from_here(file.path), "line": file.line, "message": file.message}
            for file in outcome.unread
        ],
    }
    yield json.dumps(document, indent=2)


def _json_finding(finding: Finding) -> dict[str, Any]:
    related = finding.related
    second = {**_json_place(related), "message": finding.related_message} if related else None
    return {
        "code": finding.code,
        "name": NAMED[finding.code].name,
        "message": finding.message,
        **_json_place(finding.location),
        "related": second,
        "remedy": finding.remedy,
        "fixable": finding.fix is not None,
        "scripts": list(NAMED[finding.code].scripts),
    }


def _json_place(place: Location) -> dict[str, Any]:
    return {**vars(place), "path": from_here(place.path)}


def render_sarif(outcome: Outcome) -> Iterator[str]:
    """Yield a document in SARIF 2.1.0. The paths in it are relative to the project's folder."""
    codes = sorted({finding.code for finding in outcome.findings})
    prints = zip(outcome.findings, _fingerprints(outcome), strict=True)
    results = [_sarif_result(finding, print_, outcome.sources) for finding, print_ in prints]
    unread = [
        {
            "level": "error",
            "message": {"text": file.message},
            "locations": [_sarif_place(file.path, outcome.sources, startLine=file.line)],
        }
        for file in outcome.unread
    ]
    run = {"executionSuccessful": not unread, "toolExecutionNotifications": unread}
    document = sarif.document(map(_sarif_rule, codes), results, invocations=[run])
    yield json.dumps(document, indent=2)


def _sarif_rule(code: str) -> dict[str, Any]:
    from orm_async_tests.lint.rule_pages import render_page

    rule = NAMED[code]
    page = {"markdown": render_page(rule)} if code in RULES else {}
    return {
        "id": code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "help": {"text": rule.summary, **page},
        "defaultConfiguration": {"level": _level(code)},
    }


def _sarif_result(finding: Finding, print_: str, sources: SourceTexts) -> dict[str, Any]:
    text = f"{finding.message} {finding.remedy}"
    place = _sarif_range(finding.location, sources)
    result = sarif.result(finding.code, _level(finding.code), text, [place])
    result["partialFingerprints"] = {"content/v1": print_}
    if finding.related:
        related = _sarif_range(finding.related, sources)
        result["relatedLocations"] = [{**related, "message": {"text": finding.related_message}}]
    return result


def _sarif_range(place: Location, sources: SourceTexts) -> dict[str, Any]:
    return _sarif_place(
        place.path,
        sources,
        startLine=place.line,
        startColumn=place.column,
        endLine=place.end_line,
        endColumn=place.end_column,
    )


def _sarif_place(path: str, sources: SourceTexts, **region: int) -> dict[str, Any]:
    return sarif.location(PurePosixPath(sources.from_root(path)), **region)


def _level(code: str) -> str:
    return "error" if NAMED[code].is_default else "warning"


def _fingerprints(outcome: Outcome) -> list[str]:
    """Return a text for every finding that stays the same while the lines above it change."""
    counts = Counter[str]()
    prints = []
    for finding in outcome.findings:
        text = repr(key_of(finding, outcome.sources))
        counts[text] += 1
        digest = hashlib.sha256(f"{text} {counts[text]}".encode("utf-8", "surrogateescape"))
        prints.append(digest.hexdigest()[:32])
    return prints


def render_github(outcome: Outcome) -> Iterator[str]:
    """Yield annotations for GitHub Actions."""
    for finding in outcome.findings:
        place = finding.location
        yield str(
            github.Annotation(
                "error" if NAMED[finding.code].is_default else "warning",
                f"{finding.code} {NAMED[finding.code].name}",
                f"{finding.message}\n{finding.remedy}",
                github.relative_path(Path(place.path).absolute()) or place.path,
                place.line,
                place.column,
            )
        )


def render_gitlab(outcome: Outcome) -> Iterator[str]:
    """Yield a document for GitLab's Code Quality."""
    report = [
        {
            "description": f"{finding.code} {finding.message}",
            "check_name": finding.code,
            "fingerprint": print_,
            "severity": "major" if NAMED[finding.code].is_default else "minor",
            "location": {
                "path": outcome.sources.from_root(finding.location.path),
                "lines": {"begin": finding.location.line, "end": finding.location.end_line},
            },
        }
        for finding, print_ in zip(outcome.findings, _fingerprints(outcome), strict=True)
    ]
    yield json.dumps(report, indent=2)


FORMATS = {
    "text": render_text,
    "concise": render_concise,
    "json": render_json,
    "sarif": render_sarif,
    "github": render_github,
    "gitlab": render_gitlab,
}
