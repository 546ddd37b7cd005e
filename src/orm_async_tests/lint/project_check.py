"""Check a project: choose its files, run the rules, and drop what the project ignores."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orm_async_tests.lint.checker import Settings, check
from orm_async_tests.lint.configuration import Configuration, is_ignored
from orm_async_tests.lint.file_search import FileSearch
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.formats import Outcome
from orm_async_tests.lint.source_text import SourceTexts
from orm_async_tests.lint.suppressions import (
    Suppression,
    find_suppressing,
    read_suppressions,
    report_unused,
)
from orm_async_tests.lint.unread_files import explain_unread

CACHE = ".orm_async_tests_cache"


@dataclass(frozen=True)
class Request:
    """What the command line asks for, besides the settings of the project."""

    paths: Sequence[Path]
    include_tests: bool = False
    warns_unused: bool = False
    """Whether to report comments that suppress nothing."""

    uses_cache: bool = True
    jobs: int = 1
    texts: Mapping[Path, str] = field(default_factory=dict)
    """Texts that replace those of files."""


def check_project(request: Request, configuration: Configuration) -> Outcome:
    """Return the findings that no comment and no setting suppresses, and the files not read."""
    root, exclude = configuration.root, configuration.exclude
    named = [path for path in request.paths if path not in request.texts]
    search = FileSearch(root, exclude, include_tests=request.include_tests)
    files = [*search.find(named), *request.texts]
    settings = Settings(
        root,
        configuration.codes,
        configuration.sessions,
        configuration.dialect,
        configuration.fastapi,
        _prepare_cache(root) if request.uses_cache else None,
        request.jobs,
        request.texts,
    )
    report = check(files, settings)
    sources = SourceTexts(root, request.texts)
    kept = [
        finding
        for finding in report.findings
        if not is_ignored(
            finding.code, configuration.ignored_in(sources.from_root(finding.location.path))
        )
    ]
    findings, used = _drop_suppressed(kept, sources)
    if request.warns_unused:
        findings += _find_unused([str(path) for path in files], sources, used, configuration.codes)
        findings.sort(key=lambda finding: (finding.location, finding.code))
    unread = [explain_unread(file, sources) for file in report.unreadable]
    return Outcome(findings, unread, len(files), sources)


def _drop_suppressed(
    findings: Sequence[Finding], sources: SourceTexts
) -> tuple[list[Finding], set[tuple[str, Suppression]]]:
    """Return the findings without a suppressing comment, and the comments that suppress others."""
    kept, used = [], set()
    comments: dict[str, list[Suppression]] = {}
    for finding in findings:
        path = finding.location.path
        if path not in comments:
            comments[path] = read_suppressions(sources.lines(path))
        if suppressing := find_suppressing(finding, comments[path]):
            used |= {(path, comment) for comment in suppressing}
        else:
            kept.append(finding)
    return kept, used


def _find_unused(
    paths: Sequence[str],
    sources: SourceTexts,
    used: set[tuple[str, Suppression]],
    codes: frozenset[str],
) -> Iterator[Finding]:
    """Yield a finding for every comment that suppresses nothing of the rules that ran."""
    for path in paths:
        for comment in read_suppressions(sources.lines(path)):
            ran = any(code.startswith(comment.prefix) for code in codes)
            if ran and not comment.is_bare_noqa and (path, comment) not in used:
                yield report_unused(path, comment)


def _prepare_cache(root: Path) -> Path | None:
    """Return the folder of the cache, which Git ignores, or None if it cannot be written."""
    folder = root / CACHE
    try:
        folder.mkdir(exist_ok=True)
        ignored = folder / ".gitignore"
        if not ignored.exists():
            ignored.write_text("*\n", "utf-8")
    except OSError:
        return None
    return folder
