"""Check files: parse them, resolve their names over the whole project, and run the rules."""

import ast
import gc
import re
import symtable
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path

from orm_async_tests.lint.file_result import FileResult
from orm_async_tests.lint.file_result import Unreadable as Unreadable
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.module_summary import Index, ModuleSummary, summarize
from orm_async_tests.lint.project_facts import ProjectFacts, read_facts
from orm_async_tests.lint.resolution import Project
from orm_async_tests.lint.result_cache import ResultCache
from orm_async_tests.lint.rules import RULES
from orm_async_tests.lint.rules.request_session import dependencies
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.source_text import decode

FILES_FOR_A_PROCESS = 100  # fewer are checked before another process has started
MOST_PARSED = 400  # trees of syntax are large
RELEVANT = re.compile(r"sqlalchemy|sqlmodel|[sS]ession|async def|Depends\(")


@dataclass(frozen=True)
class Settings:
    """What a check needs to know besides the files."""

    root: Path = Path()
    """The folder of the project, where its dependencies are read."""

    codes: frozenset[str] = frozenset(code for code, rule in RULES.items() if rule.is_default)
    """The rules to run."""

    sessions: tuple[str, ...] = ()
    """What returns or is a session but cannot be inferred, for example "app.db:get_session"."""

    dialect: str = ""
    """The database, for example "postgresql+asyncpg", or "" to infer it from engines' URLs
    or dependencies."""

    fastapi: str = ""
    """FastAPI's version, or "" to infer it from the lock file."""

    cache: Path | None = None
    """The folder of the cache, or None to use no cache."""

    jobs: int = 1
    """The number of processes."""

    texts: Mapping[Path, str] = field(default_factory=dict)
    """Texts that replace those of files, for example what an editor has not saved yet."""


@dataclass
class Report:
    """The findings in the checked files, sorted by location, and the files not read."""

    findings: list[Finding] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


class Checker:
    """Checks the files of one project, and keeps the summaries of its modules."""

    def __init__(self, settings: Settings, facts: ProjectFacts) -> None:
        root = settings.root.resolve()
        self.rules = [RULES[code]() for code in sorted(settings.codes)]
        self.facts = facts
        self.project = Project(root, self.load, settings.sessions)
        self.texts = settings.texts
        self._parsed: dict[str, Index] = {}
        """Trees that an import needed before their own check."""

        self._summaries: dict[str, ModuleSummary | None] = {}

    def load(self, path: str) -> ModuleSummary | None:
        """Return the summary of a module, or None if it cannot be read."""
        if path not in self._summaries:
            self._summaries[path] = None
            try:
                index = Index(parse(decode(Path(path).read_bytes())))
                self._summaries[path] = summarize(path, index)
                if len(self._parsed) < MOST_PARSED:
                    self._parsed[path] = index
            except (OSError, SyntaxError, ValueError, RecursionError):
                pass
        return self._summaries[path]

    def check_file(self, path: Path) -> FileResult:
        """Return the findings in a file. A file that makes the checker fail counts as not read."""
        try:
            return self._check_file(path)
        except SyntaxError as error:
            return FileResult(unreadable=Unreadable(str(path), error.lineno or 1, error.msg))
        except (OSError, ValueError) as error:
            return FileResult(unreadable=Unreadable(str(path), 1, str(error)))
        except Exception as error:
            if sys.flags.dev_mode:
                raise
            problem = f"the checker failed with {type(error).__name__} (python -X dev shows where)"
            return FileResult(unreadable=Unreadable(str(path), 1, problem))

    def _check_file(self, path: Path) -> FileResult:
        absolute = str(path.resolve())
        text = self.texts[path] if path in self.texts else decode(path.read_bytes())
        if not RELEVANT.search(text):
            require_syntax(text)
            return FileResult()
        index = self._parsed.pop(absolute, None) or Index(parse(text))
        if absolute not in self._summaries or path in self.texts:
            self._summaries[absolute] = summarize(absolute, index)
        self.project.read.clear()
        file = SourceFile(str(path), absolute, text, index, self.project, self.facts)
        findings = [finding for rule in self.rules for finding in rule.check(file)]
        file.release()
        used = list(dependencies(file)) if "Depends" in text or "Security" in text else []
        return FileResult(
            findings, file.pending, used, read=frozenset(self.project.read - {absolute})
        )


def parse(text: str) -> ast.Module:
    """Return the syntax tree of a text, without warnings about its escapes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def require_syntax(text: str) -> None:
    """Raise SyntaxError if this Python cannot parse a text. This is faster than a syntax tree."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        symtable.symtable(text, "<text>", "exec")


def check(paths: Sequence[Path], settings: Settings) -> Report:
    """Check Python files. Modules that the files import are read too, but not checked."""
    report = Report()
    with _collector_off():
        results = _check_files(paths, settings)
    used = {key[:2] for result in results.values() for key in result.dependencies if not key[2]}
    for path, result in results.items():
        absolute = str(path.resolve())
        report.findings += result.findings
        report.findings += [one for name, one in result.pending if (absolute, name) in used]
        report.unreadable += [result.unreadable] if result.unreadable else []
    report.findings.sort(key=lambda finding: (finding.location, finding.code))
    return report


def _check_files(paths: Sequence[Path], settings: Settings) -> dict[Path, FileResult]:
    """Return the results of the files, in their order, from the cache if they are there."""
    sources = _read_engines(paths, settings.texts)
    facts = read_facts(settings.root.resolve(), settings.dialect, settings.fastapi, sources)
    cache = None
    results: dict[Path, FileResult] = {}
    if settings.cache and not settings.texts:
        parts = (facts, sorted(settings.codes), settings.sessions, settings.root.resolve())
        cache = ResultCache(settings.cache, paths, parts)
        results = cache.read()
    if pending := [path for path in paths if path not in results]:
        results |= _check_in_processes(pending, settings, facts)
        if cache:
            cache.write(results)
    return {path: results[path] for path in paths}


def _read_engines(paths: Sequence[Path], texts: Mapping[Path, str]) -> Iterator[str]:
    """Yield the texts of the files that create engines."""
    for path in paths:
        with suppress(OSError, ValueError, SyntaxError):
            text = texts.get(path) or decode(path.read_bytes())
            if "_engine" in text:
                yield text


def _check_in_processes(
    paths: Sequence[Path], settings: Settings, facts: ProjectFacts
) -> dict[Path, FileResult]:
    """Check files; many files are divided among processes in parts of neighboring files."""
    count = min(settings.jobs, len(paths) // FILES_FOR_A_PROCESS)
    if count < 2:
        return _check_part(paths, settings, facts)
    size = -(-len(paths) // count)
    parts = [paths[start : start + size] for start in range(0, len(paths), size)]
    with ProcessPoolExecutor(len(parts)) as pool:
        results = pool.map(_check_part, parts, repeat(settings), repeat(facts))
        return {path: result for part in results for path, result in part.items()}


def _check_part(
    paths: Sequence[Path], settings: Settings, facts: ProjectFacts
) -> dict[Path, FileResult]:
    with _collector_off():
        checker = Checker(settings, facts)
        return {path: checker.check_file(path) for path in paths}


@contextmanager
def _collector_off() -> Iterator[None]:
    """Switch the garbage collector off: syntax trees are many objects without cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # otherwise the next collection visits all summaries
        if was_on:
            gc.enable()
