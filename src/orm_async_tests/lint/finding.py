"""Defines the results of the checker: findings and unread files."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, order=True)
class Location:
    """A range of a source file.

    Lines and columns start at 1. Columns count characters, not bytes.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    """The column after the last character of the range."""

    source: str = ""
    """The text of the first line of the range."""

    def __str__(self) -> str:
        return f"{from_here(self.path)}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Fix:
    """A safe change that replaces the source text at a location."""

    location: Location
    text: str


@dataclass(frozen=True)
class Finding:
    """A misuse of async SQLAlchemy in a source file."""

    code: str
    location: Location
    message: str
    """What happens in the code, in one sentence."""

    remedy: str
    """What to write instead."""

    related: Location | None = None
    """A second place in the same file that explains the finding."""

    related_message: str = ""
    fix: Fix | None = None

    @property
    def places(self) -> list[Location]:
        return [self.location, *([self.related] if self.related else [])]


@dataclass(frozen=True)
class UnreadFile:
    path: str
    line: int
    message: str
    """Why the file was not checked."""


def locate(path: str, node: Any, lines: list[str]) -> Location:
    """Return the location of a syntax node."""
    numbers = node.lineno, node.end_lineno
    first, last = ("".join(lines[number - 1 : number]) for number in numbers)
    # The module ast counts columns in bytes of UTF-8.
    column = len(first.encode()[: node.col_offset].decode(errors="ignore"))
    end_column = len(last.encode()[: node.end_col_offset].decode(errors="ignore"))
    return Location(path, node.lineno, column + 1, node.end_lineno, end_column + 1, first)


def from_here(path: str) -> str:
    """Shorten a path inside the current folder to a relative path."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def from_root(path: str, root: Path) -> str:
    """Return a path relative to a folder. Either may contain a link to a folder above."""
    folder, name = os.path.split(path)
    place = Path(os.path.realpath(folder), name)
    return Path(os.path.relpath(place, os.path.realpath(root))).as_posix()
