"""Writes annotations and a job summary for GitHub Actions.

Annotations go to standard error, because standard output contains the results of the command. The
summary goes to the file that `GITHUB_STEP_SUMMARY` names.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.terminal import render_markdown

OPTION = "--github  also write annotations and the job summary for GitHub Actions"
SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
LARGEST_SUMMARY = 2**20 - 200  # bytes: GitHub drops a summary of more than 1 MiB
TRUNCATED = "\n\nThe summary was too long and ends here.\n"


@dataclass(frozen=True)
class Annotation:
    """A message that GitHub shows beside a line of code."""

    level: Literal["error", "warning", "notice"]
    title: str
    message: str
    file: str = ""  # relative to the repository; empty for a file outside it
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        fields = {"file": self.file, "line": self.line, "col": self.column, "title": self.title}
        properties = ",".join(
            f"{name}={_escape(str(value), ':,')}" for name, value in fields.items() if value
        )
        return f"::{self.level} {properties}::{_escape(self.message)}"


def require_summary() -> None:
    """Raise CouldNotRun if the job summary cannot be written."""
    _append(b"")


def write(annotations: Iterable[Annotation], summary: str) -> None:
    folder = f"{_repository()}{os.sep}"  # paths in texts become relative to it
    for annotation in annotations:
        print(str(annotation).replace(folder, ""), file=sys.stderr)
    data = summary.replace(folder, "").encode("utf-8", "replace")
    if len(data) > LARGEST_SUMMARY:
        data = data[:LARGEST_SUMMARY] + TRUNCATED.encode()
    _append(data)


def _append(data: bytes) -> None:
    if path := os.environ.get(SUMMARY_VARIABLE):
        try:
            with Path(path).open("ab") as file:
                file.write(data)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            problem = f"the job summary cannot be written: {reason}"
            remedy = f"unset {SUMMARY_VARIABLE}, or omit --github"
            raise CouldNotRun(problem, SUMMARY_VARIABLE, remedy) from None


def relative_path(path: Path) -> str:
    """Return a path relative to the repository, or "" if it lies outside."""
    folder = _repository()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else ""


def _repository() -> Path:
    return Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())


def render_summary(title: str, rows: Iterable[Sequence[str]]) -> str:
    """Return a heading and a table. If the table has only its header, omit the table."""
    cells = [tuple(map(escape_cell, row)) for row in rows]
    table = [*render_markdown(cells), ""] if len(cells) > 1 else []
    return "\n".join([f"## {title}", "", *table, ""])


def escape_cell(text: str) -> str:
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{letter}" if letter in "\\`*_[]|~" else letter for letter in text)


def _escape(text: str, more: str = "") -> str:
    return "".join(f"%{ord(c):02X}" if c in f"%\r\n{more}" else c for c in text)
