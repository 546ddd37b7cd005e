"""Runs the checker as a flake8 plugin.

flake8 passes one file at a time, so the plugin cannot see which other files call a function. The
plugin recognizes a FastAPI dependency only if `Depends()` is in the same file.
"""

import ast
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from orm_async_tests.extras import DISTRIBUTION
from orm_async_tests.lint.lint_settings import find_root, read_settings
from orm_async_tests.lint.project_check import check


class Flake8Plugin:
    """Runs the rules on a file that flake8 has parsed."""

    name: ClassVar[str] = DISTRIBUTION
    version: ClassVar[str] = version(DISTRIBUTION)

    def __init__(self, tree: ast.AST | None, filename: str, lines: list[str]) -> None:
        self.tree = tree  # flake8 asks for a parameter of this name
        self.path = Path(filename)
        self.text = "".join(lines)
        # Here flake8 prints an error, but in run() it would print a traceback.
        self.settings = read_settings(find_root(self.path))

    def run(self) -> Iterator[tuple[int, int, str, type[Any]]]:
        """Yield the findings as flake8 expects them: line, column from 0, message, and plugin
        class.
        """
        report = check([self.path], replace(self.settings, texts={self.path: self.text}))
        for finding in report.findings:
            place = finding.location
            yield place.line, place.column - 1, f"{finding.code} {finding.message}", type(self)
