"""Writes annotations and a job summary for GitHub Actions.

An annotation is a line that GitHub Actions calls a workflow command. An annotation is printed on
standard error, so that standard output keeps its format. The job summary is Markdown. The
environment variable `GITHUB_STEP_SUMMARY` names the file of the job summary.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.terminal import render_markdown

OPTION, VARIABLE = "--github", "GITHUB_STEP_SUMMARY"
LARGEST_SUMMARY = 2**20 - 200  # bytes: GitHub drops a summary of more than 1 MiB
HELP = "also write annotations and the job summary for GitHub Actions"
TRUNCATED = "\n\nThe summary was too long and ends here.\n"


@dataclass(frozen=True)
class Annotation:
    """A message that GitHub shows beside a line of code. `file` is relative to the repository's
    folder, or empty.
    """

    level: Literal["error", "warning", "notice"]
    title: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        place = {"line": str(self.line or ""), "col": str(self.column or "")}
        fields = {"file": self.file, **place, "title": self.title}
        properties = ",".join(
            f"{name}={_escape_property(value)}" for name, value in fields.items() if value
        )
        return f"::{self.level} {properties}::{_escape(self.message)}"


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add --github."""
    parser.add_argument(OPTION, action="store_true", help=HELP)


def require_summary() -> None:
    """Raise CouldNotRun if the job summary cannot be written. A command calls this function before
    it begins its work.
    """
    if path := os.environ.get(VARIABLE):
        try:
            Path(path).open("a").close()
        except (OSError, ValueError) as error:
            raise _refusal(error) from None


def write(annotations: Iterable[Annotation], summary: str) -> None:
    """Print the annotations. Append Markdown to the job summary, if GitHub Actions has given the
    job a summary file.
    """
    for annotation in annotations:
        print(annotation, file=sys.stderr)
    if path := os.environ.get(VARIABLE):
        data = summary.encode("utf-8", "replace")
        if len(data) > LARGEST_SUMMARY:
            data = data[:LARGEST_SUMMARY] + TRUNCATED.encode()
        try:
            with Path(path).open("ab") as file:
                file.write(data)
        except (OSError, ValueError) as error:
            raise _refusal(error) from None


def relative_path(path: Path) -> str:
    """Return a path relative to the repository's folder. Return "" if the path is outside of the
    repository.
    """
    folder = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else ""


def render_summary(title: str, rows: Iterable[Sequence[str]]) -> str:
    """Return the Markdown of a heading and a table. The first row of `rows` is the head of the
    table.
    """
    cells = (tuple(map(escape_cell, row)) for row in rows)
    return "\n".join([f"## {title}", "", *render_markdown(cells), "", ""])


def escape_cell(text: str) -> str:
    """Escape a text, so that Markdown shows it unchanged in a table's cell."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{letter}" if letter in "\\`*_[]|~" else letter for letter in text)


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")


def _refusal(error: Exception) -> CouldNotRun:
    reason = getattr(error, "strerror", None) or str(error)
    return CouldNotRun(
        f"the job summary cannot be written: {reason}",
        VARIABLE,
        f"unset {VARIABLE}, or the command without {OPTION}",
    )
