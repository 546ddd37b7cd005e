"""Defines the results of the checker: findings with their locations and fixes, and unread files."""

import ast
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Location:
    """A range of a source file. In a location, lines and columns count from 1, and columns count
    characters.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    """The column after the last character."""

    source: str = ""
    """The first line of the range."""

    def __str__(self) -> str:
        return f"{from_here(self.path)}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Fix:
    """A safe change of the source code, which replaces the text at a location by another text."""

    location: Location
    text: str


@dataclass(frozen=True)
class Finding:
    """A misuse of async SQLAlchemy in a source file."""

    code: str
    location: Location
    message: str
    """What happens, in one sentence."""

    remedy: str
    """What to write instead."""

    related: Location | None = None
    """The second place that matters, for example the later use of a failed session. It is in the
    same file."""

    related_message: str = ""
    fix: Fix | None = None


@dataclass(frozen=True)
class UnreadFile:
    """A file that was not checked."""

    path: str
    line: int
    message: str
    """What is wrong, and which Python can read the file."""


def locate(path: str, node: ast.AST, lines: list[str]) -> Location:
    """Return the location of a syntax node. The module ast counts columns in bytes of UTF-8, but a
    location counts characters.
    """
    line, end = getattr(node, "lineno", 1), getattr(node, "end_lineno", 1)
    first, last = (lines[number - 1] if number <= len(lines) else "" for number in (line, end))
    column = _count_characters(first, getattr(node, "col_offset", 0))
    end_column = _count_characters(last, getattr(node, "end_col_offset", 0))
    return Location(path, line, column + 1, end, end_column + 1, first)


def _count_characters(line: str, offset: int) -> int:
    """Return the number of characters before an offset in bytes."""
    return offset if line.isascii() else len(line.encode()[:offset].decode(errors="ignore"))


def from_here(path: str) -> str:
    """Return a path relative to the current folder. If a path is outside of the current folder,
    return the path unchanged.
    """
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def from_root(path: str, root: Path) -> str:
    """Return a path relative to the folder of the project, with slashes."""
    return Path(os.path.relpath(path, root)).as_posix()
