"""Checks the files of a project, and drops ignored findings."""

import gc
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures  # imports multiprocessing only if a pool starts
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.checker import Checker
from orm_async_tests.lint.file_search import PathPatterns, find_files
from orm_async_tests.lint.finding import Finding, UnreadFile, from_root
from orm_async_tests.lint.lint_settings import Settings, find_repository, has_prefix, is_prefix
from orm_async_tests.lint.project_facts import DRIVERS, ProjectFacts, read_facts
from orm_async_tests.lint.result_cache import FileResult, Results, check_changed
from orm_async_tests.lint.source_text import decode
from orm_async_tests.lint.suppressions import UnusedIgnore

FILES_FOR_A_PROCESS = 100  # one process checks fewer files before another process has started


@dataclass
class Report:
    """The findings, sorted by location, and the files that could not be read."""

    repository: Path
    """The root of the Git repository, or of the project if there is no repository."""

    files: Sequence[Path]
    findings: list[Finding]
    unread: list[UnreadFile]
    codes: Sequence[str]
    """The rules that ran."""


def check(paths: Sequence[Path], settings: Settings) -> Report:
    on_disk = [path for path in paths if path not in settings.texts]
    root, tests = settings.root, settings.include_tests
    files = [*find_files(on_disk, root, settings.exclude, include_tests=tests), *settings.texts]
    results = _check_files(files, settings)
    used = {tuple(names) for result in results.values() for names in result.dependencies}
    findings = list[Finding]()
    for path, result in results.items():
        late = [finding for name, finding in result.pending
                if (os.path.realpath(path), name) in used]  # fmt: skip
        findings += _drop_ignored([*result.findings, *late], result, settings)
    findings.sort(key=lambda finding: (finding.location, finding.code))
    unread = [result.unread for result in results.values() if result.unread]
    codes = [*settings.codes, *[UnusedIgnore.code] * settings.warn_unused_ignores]
    repository = find_repository(root) or root.absolute()
    return Report(repository, files, findings, unread, codes)


def _drop_ignored(
    findings: Sequence[Finding], result: FileResult, settings: Settings
) -> Iterator[Finding]:
    """Yield the findings that no comment or setting ignores, and the unused comments."""
    used = set()
    for finding in findings:
        path = f"/{from_root(finding.location.path, settings.root)}"
        if not any(
            has_prefix(finding.code, codes) and PathPatterns("/", [pattern]).match_file(path)
            for pattern, codes in settings.per_file_ignores.items()
        ):
            comments = [comment for comment in result.comments if comment.suppresses(finding)]
            used.update(comments)
            yield from [] if comments else [finding]
    if not settings.warn_unused_ignores:
        return
    for comment in result.comments:
        ran = any(code.startswith(comment.prefix) for code in settings.codes)
        is_used = comment in used or comment.is_bare_noqa
        if not is_used and (ran or not is_prefix(comment.prefix)):
            yield comment.report_unused()


def _check_files(files: Sequence[Path], settings: Settings) -> Results:
    root, engines = settings.root.resolve(), _read_engines(files, settings)
    facts = read_facts(root, settings.dialect, settings.fastapi, engines)
    run = partial(_check_in_processes, partial(_check_part, settings, facts, files), settings.jobs)
    if settings.texts or not settings.uses_cache:
        return run(files)
    parts = (facts, settings.codes, settings.sessions, settings.warn_unused_ignores)
    results = check_changed(root, files, parts, run)
    return {path: results[path] for path in files}


def _check_in_processes(
    check_part: Callable[[Sequence[Path]], Results], jobs: int, files: Sequence[Path]
) -> Results:
    """Divide many files among processes."""
    count = min(jobs, len(files) // FILES_FOR_A_PROCESS)
    if count < 2:
        return check_part(files)
    size = -(-len(files) // count)
    parts = [files[start : start + size] for start in range(0, len(files), size)]
    try:
        with futures.ProcessPoolExecutor(count) as pool:
            results = pool.map(check_part, parts)
            return {path: result for part in results for path, result in part.items()}
    except futures.BrokenExecutor:
        problem = "a process of the checker was killed, perhaps because memory ran out"
        raise CouldNotRun(problem, "this computer", "run orm-async-tests lint -j 1") from None


def _read_engines(files: Sequence[Path], settings: Settings) -> Iterator[str]:
    for path in files:
        with suppress(OSError, ValueError, SyntaxError):
            text = settings.texts.get(path) or decode(path.read_bytes())
            if "_engine" in text or any(f"{dialect}+" in text for dialect in DRIVERS):
                yield text


def _check_part(
    settings: Settings, facts: ProjectFacts, files: Sequence[Path], part: Sequence[Path]
) -> Results:
    gc.disable()  # syntax trees are many objects without cycles
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns about escapes in the files
            return Checker(settings, facts, files).check_files(part)
    finally:
        gc.freeze()  # otherwise the next collection visits all summaries
        gc.enable()
