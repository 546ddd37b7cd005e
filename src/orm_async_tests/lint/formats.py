"""Writes the findings of the checker in each output format."""

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from orm_async_tests import github, sarif
from orm_async_tests.lint.baseline import key_of
from orm_async_tests.lint.finding import Finding, Location, UnreadFile, from_here, from_root
from orm_async_tests.lint.project_check import Report
from orm_async_tests.lint.rule_pages import render_page
from orm_async_tests.lint.rules import RULES
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.suppressions import UnusedIgnore

SCHEMA = 1  # the version of the JSON document; increase it for incompatible changes
NAMED: dict[str, type[Rule]] = {UnusedIgnore.code: UnusedIgnore, **RULES}


def render_text(report: Report) -> Iterator[str]:
    for finding in report.findings:
        yield f"{finding.code} {finding.message}"
        yield f"  where: {finding.location}"
        for place, message in zip(finding.places, ("", finding.related_message), strict=False):
            yield from _excerpt(place, message)
        yield f"  write: {finding.remedy}"
        if finding.code in RULES:
            yield f"  type:  orm-async-tests explain {finding.code}"
        yield ""
    fixable = sum(finding.fix is not None for finding in report.findings)
    hint = f"; {fixable} can be fixed with --fix" if fixable else ""
    files = len(report.files) - len(report.unread)
    yield f"{count(len(report.findings))} in {count(files, 'file')}{hint}"


def count(number: int, noun: str = "finding") -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _excerpt(place: Location, message: str) -> Iterator[str]:
    before, marked = place.source[: place.column - 1], place.source[place.column - 1 :]
    if place.end_line == place.line:
        marked = marked[: place.end_column - place.column]
    margin = "".join("\t" if letter == "\t" else " " * _width(letter) for letter in before)
    carets = "^" * max(1, _width(marked.rstrip()))
    yield f"  {place.line:>6} | {place.source.rstrip()}"
    yield f"  {'':6} | {margin}{carets} {message}".rstrip()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def render_concise(report: Report) -> Iterator[str]:
    for finding in report.findings:
        yield f"{finding.location}: {finding.code} {finding.message}"


def render_json(report: Report) -> Iterator[str]:
    items = [
        {
            "code": finding.code,
            "name": NAMED[finding.code].name,
            "message": finding.message,
            **_with_path(finding.location),
            "related": finding.related
            and {**_with_path(finding.related), "message": finding.related_message},
            "remedy": finding.remedy,
            "fixable": finding.fix is not None,
            "scripts": NAMED[finding.code].scripts,
        }
        for finding in report.findings
    ]
    unread = list(map(_with_path, report.unread))
    document = {"schema": SCHEMA, "files": len(report.files), "findings": items, "unread": unread}
    yield json.dumps(document, indent=2)


def _with_path(place: Any) -> dict[str, Any]:
    return {**vars(place), "path": from_here(place.path)}


def render_sarif(report: Report) -> Iterator[str]:
    """Yield a SARIF 2.1.0 document with paths relative to the repository."""
    results = []
    for finding, fingerprint in _with_fingerprints(report):
        text = f"{finding.message} {finding.remedy}"
        place, *related = (_sarif_place(place, report.repository) for place in finding.places)
        result = sarif.result(finding.code, _level(finding.code), text, [place])
        message = {"text": finding.related_message}
        result["relatedLocations"] = [{**other, "message": message} for other in related]
        result["partialFingerprints"] = {"content/v1": fingerprint}
        results.append(result)
    rules = map(_sarif_rule, sorted({finding.code for finding in report.findings}))
    unread = [_sarif_unread(file, report.repository) for file in report.unread]
    run = {"executionSuccessful": not unread, "toolExecutionNotifications": unread}
    yield json.dumps(sarif.document(rules, results, invocations=[run]), indent=2)


def _sarif_rule(code: str) -> dict[str, Any]:
    rule = NAMED[code]
    page = {"markdown": render_page(rule)} if code in RULES else {}
    return {
        "id": code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "help": {"text": rule.summary, **page},
        "defaultConfiguration": {"level": _level(code)},
    }


def _sarif_place(place: Location, root: Path) -> dict[str, Any]:
    path = PurePosixPath(from_root(place.path, root))
    start = {"startLine": place.line, "startColumn": place.column}
    return sarif.location(path, **start, endLine=place.end_line, endColumn=place.end_column)


def _sarif_unread(file: UnreadFile, root: Path) -> dict[str, Any]:
    place = sarif.location(PurePosixPath(from_root(file.path, root)), startLine=file.line)
    return {"level": "error", "message": {"text": file.message}, "locations": [place]}


def _level(code: str) -> Literal["error", "warning"]:
    return "error" if NAMED[code].is_default else "warning"


def _with_fingerprints(report: Report) -> Iterator[tuple[Finding, str]]:
    """Yield each finding with a fingerprint that does not depend on other lines of the file."""
    counts = Counter[tuple[str, ...]]()
    for finding in report.findings:
        key = key_of(finding, report.repository)
        counts[key] += 1
        data = repr((key, counts[key])).encode("utf-8", "surrogateescape")
        yield finding, hashlib.sha256(data).hexdigest()[:32]


def render_github(report: Report) -> Iterator[str]:
    for finding in report.findings:
        code, place = finding.code, finding.location
        title, text = f"{code} {NAMED[code].name}", f"{finding.message}\n{finding.remedy}"
        path = github.relative_path(Path(place.path).absolute()) or place.path
        yield str(github.Annotation(_level(code), title, text, path, place.line, place.column))


def render_gitlab(report: Report) -> Iterator[str]:
    findings = [
        {
            "description": f"{finding.code} {finding.message}",
            "check_name": finding.code,
            "fingerprint": fingerprint,
            "severity": "major" if _level(finding.code) == "error" else "minor",
            "location": {
                "path": from_root(finding.location.path, report.repository),
                "lines": {"begin": finding.location.line, "end": finding.location.end_line},
            },
        }
        for finding, fingerprint in _with_fingerprints(report)
    ]
    yield json.dumps(findings, indent=2)


RENDERERS = {
    "text": render_text,
    "concise": render_concise,
    "json": render_json,
    "sarif": render_sarif,
    "github": render_github,
    "gitlab": render_gitlab,
}
