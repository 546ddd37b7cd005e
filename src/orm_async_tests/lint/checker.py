"""Parses the files of a project, and runs the rules on them."""

import ast
import os
import re
import symtable
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from orm_async_tests.lint.finding import UnreadFile
from orm_async_tests.lint.flows import Flows
from orm_async_tests.lint.lint_settings import Settings
from orm_async_tests.lint.module_reader import read_module
from orm_async_tests.lint.project_facts import ProjectFacts
from orm_async_tests.lint.relevance import Relevance
from orm_async_tests.lint.resolution import Project
from orm_async_tests.lint.result_cache import EVERY_FILE, FileResult
from orm_async_tests.lint.rules import RULES
from orm_async_tests.lint.rules.request_session import dependencies
from orm_async_tests.lint.scopes import Module
from orm_async_tests.lint.session_use import SessionUse
from orm_async_tests.lint.source_file import SourceFile
from orm_async_tests.lint.source_text import decode, split_lines
from orm_async_tests.lint.suppressions import read_suppressions
from orm_async_tests.lint.unread_files import explain_syntax_error

MAX_PARSED = 14_000_000  # characters; their trees of syntax need 60 times as much memory
# A helper may use a session without importing SQLAlchemy.
AWAITED = re.compile(r"await \w+\.(execute|scalars?|commit|rollback|flush|refresh|add)\(")
NOT_AWAITED = ("db.commit(", "db.flush(", "db.refresh(", "session.commit(", "session.flush(")
TOO_DEEP = (RecursionError, MemoryError)  # what ast.parse() raises for deeply nested code
MAX_DEPTH = 5000  # the recursion limit, because the checker follows nested calls of functions


class Checker:
    """Checks the files of one project, and keeps parsed modules for the files that import them."""

    def __init__(self, settings: Settings, facts: ProjectFacts, files: Sequence[Path]) -> None:
        self.settings = settings
        self.facts = facts
        self.rules = [RULES[code]() for code in settings.codes]
        self.project = Project(settings.root.resolve(), self.load, files, settings.sessions)
        if {"asyncpg", "aiosqlite"} <= {*facts.drivers}:
            # asyncpg raises no OperationalError, so such a handler is for SQLite.
            self.project.unraised.add("OperationalError")
        self._relevance = Relevance(self.project)
        self._flows = Flows(SessionUse(self.project))
        self._modules: dict[str, Module | None] = {}
        self._size = 0
        self._loaded: list[str] = []

    def load(self, path: str, text: str | None = None) -> Module | None:
        """Return a module, or None if the file cannot be read or parsed."""
        if path not in self._modules:
            self._modules[path] = None
            with suppress(OSError, SyntaxError, ValueError, *TOO_DEEP):
                text = decode(Path(path).read_bytes()) if text is None else text
                self._modules[path] = read_module(path, ast.parse(text))
                self._size += len(text)
            self._loaded.append(path)
        return self._modules[path]

    def check_files(self, files: Sequence[Path]) -> dict[Path, FileResult]:
        names = [os.path.realpath(path) for path in files]  # accepts a loop of links
        waiting = dict(zip(names, files, strict=True))
        results: dict[str, FileResult] = {}
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, MAX_DEPTH))
        while waiting:
            # Check imported files first, while their syntax trees are in memory.
            name = self._loaded.pop() if self._loaded else next(iter(waiting))
            if name not in waiting:
                continue
            results[name] = self.check_file(waiting.pop(name), name)
            if self._size > MAX_PARSED:
                for module in filter(None, self._modules.values()):
                    module.release()
                self._modules.clear()
                self._size = 0
        sys.setrecursionlimit(limit)
        return {path: results[name] for path, name in zip(files, names, strict=True)}

    def check_file(self, path: Path, absolute: str) -> FileResult:
        """Check one file. An error goes into the field `unread` of the result."""
        try:
            return self._check_text(path, absolute)
        except SyntaxError as error:
            line, problem = error.lineno or 1, explain_syntax_error(error)
        except OSError as error:
            line, problem = 1, error.strerror or str(error)
        except ValueError as error:
            line, problem = 1, str(error)
        except TOO_DEEP:
            line, problem = 1, "its code is nested too deeply"
        except Exception as error:
            if sys.flags.dev_mode:
                raise
            error_name = type(error).__name__
            line, problem = 1, f"the checker failed with {error_name} (python -X dev shows where)"
        return FileResult(unread=UnreadFile(str(path), line, problem))

    def _check_text(self, path: Path, absolute: str) -> FileResult:
        if path.suffix == ".ipynb":  # Python may parse its JSON
            raise ValueError("a notebook is not Python code")
        texts = self.settings.texts
        text = texts[path] if path in texts else decode(path.read_bytes())
        is_used = AWAITED.search(text) or any(call in text for call in NOT_AWAITED)
        if is_used or self.settings.sessions or self._relevance.reaches(absolute, text):
            result = self._run_rules(path, absolute, text)
        else:
            symtable.symtable(text, str(path), "exec")  # tests the syntax faster than ast.parse()
            result = FileResult()
        if self.settings.uses_cache:
            modules = self.project.behind(absolute)
            if not self.project.calls.users.isdisjoint({absolute, *modules}):
                modules |= {EVERY_FILE}
            result.modules = sorted(modules - {absolute})
        if result.findings or result.pending or self.settings.warn_unused_ignores:
            result.comments = list(read_suppressions(str(path), split_lines(text)))
        return result

    def _run_rules(self, path: Path, absolute: str, text: str) -> FileResult:
        module = self.load(absolute, text) or read_module(absolute, ast.parse(text))
        file = SourceFile(str(path), text, module, self._flows, self.facts)
        findings = [finding for rule in self.rules for finding in rule.check(file)]
        used = []
        if "Depends" in text or "Security" in text:
            used = [[module, name] for module, name, is_short in dependencies(file) if not is_short]
        return FileResult(findings, file.pending, used)
