"""Check files: parse them, resolve their names over the whole project, and run the rules."""

import ast
import gc
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.module_summary import Index, ModuleSummary, summarize
from orm_async_tests.lint.project_facts import ProjectFacts, read_facts
from orm_async_tests.lint.resolution import Project
from orm_async_tests.lint.rules import RULES
from orm_async_tests.lint.rules.request_session import dependencies
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.source_text import decode

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
    """The database, for example "postgresql+asyncpg", or "" to infer it from dependencies."""

    fastapi: str = ""
    """FastAPI's version, or "" to infer it from the lock file."""

    cache: Path | None = None
    """The folder of the cache, or None to use no cache."""

    jobs: int = 1
    """The number of processes."""

    texts: Mapping[Path, str] = field(default_factory=dict)
    """Texts that replace those of files, for example what an editor has not saved yet."""


@dataclass(frozen=True)
class Unreadable:
    """A file that could not be checked."""

    path: str
    line: int
    message: str


@dataclass
class Report:
    """The findings in the checked files, sorted by location, and the files not read."""

    findings: list[Finding] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


@dataclass
class FileResult:
    """What the check of one file gives."""

    findings: list[Finding] = field(default_factory=list)
    pending: list[tuple[str, Finding]] = field(default_factory=list)
    dependencies: list[tuple[str, str, bool]] = field(default_factory=list)
    unreadable: Unreadable | None = None
    read: frozenset[str] = frozenset()
    """The modules that the result depends on."""


class Checker:
    """Checks the files of one project, and keeps the summaries of its modules."""

    def __init__(self, settings: Settings) -> None:
        root = settings.root.resolve()
        self.rules = [RULES[code]() for code in sorted(settings.codes)]
        self.facts: ProjectFacts = read_facts(root, settings.dialect, settings.fastapi)
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
        """Return the findings in a file."""
        name, absolute = str(path), str(path.resolve())
        try:
            text = self.texts.get(path) or decode(path.read_bytes())
            if not RELEVANT.search(text):
                return FileResult()
            index = self._parsed.pop(absolute, None) or Index(parse(text))
        except SyntaxError as error:
            return FileResult(unreadable=Unreadable(name, error.lineno or 1, error.msg))
        except (OSError, ValueError, RecursionError) as error:
            return FileResult(unreadable=Unreadable(name, 1, str(error)))
        if absolute not in self._summaries or path in self.texts:
            self._summaries[absolute] = summarize(absolute, index)
        self.project.read.clear()
        file = SourceFile(name, absolute, text, index, self.project, self.facts)
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


def check(paths: Sequence[Path], settings: Settings) -> Report:
    """Check Python files. Modules that they import are read too, but not checked."""
    report = Report()
    with _collector_off():
        checker = Checker(settings)
        results = {path: checker.check_file(path) for path in paths}
    used = {key[:2] for result in results.values() for key in result.dependencies if not key[2]}
    for path, result in results.items():
        absolute = str(path.resolve())
        report.findings += result.findings
        report.findings += [one for name, one in result.pending if (absolute, name) in used]
        report.unreadable += [result.unreadable] if result.unreadable else []
    report.findings.sort(key=lambda finding: (finding.location, finding.code))
    return report


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
