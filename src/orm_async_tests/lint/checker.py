"""Check files: parse them, resolve their names over the whole project, and run the rules."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules import RULES
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.source_text import decode


@dataclass(frozen=True)
class Settings:
    """What a check needs to know besides the files."""

    root: Path = Path()
    """The folder of the project: its dependencies are read here, and paths are relative to it."""

    codes: frozenset[str] = frozenset(code for code, rule in RULES.items() if rule.is_default)
    """The rules to run."""

    sessions: tuple[str, ...] = ()
    """What returns or is a session but cannot be inferred, for example "app.db:get_session"."""

    dialect: str = ""
    """The database, for example "postgresql", or "" to infer it from URLs and dependencies."""

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


def check(paths: Sequence[Path], settings: Settings) -> Report:
    """Check Python files. Modules that they import are read too, but not checked."""
    report = Report()
    rules = [RULES[code]() for code in sorted(settings.codes)]
    for path in paths:
        try:
            text = settings.texts.get(path) or decode(path.read_bytes())
            file = SourceFile(str(path), text, ast.parse(text))
        except SyntaxError as error:
            report.unreadable.append(Unreadable(str(path), error.lineno or 1, error.msg))
            continue
        except (OSError, ValueError) as error:
            report.unreadable.append(Unreadable(str(path), 1, str(error)))
            continue
        report.findings += [finding for rule in rules for finding in rule.check(file)]
    report.findings.sort(key=lambda finding: (finding.location, finding.code))
    return report
