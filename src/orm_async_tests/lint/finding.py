"""What a rule reports: a finding, its two locations and its fix."""

import ast
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Location:
    """A range of a source file. Lines count from 1; columns count characters, from 1."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    """The column after the last character."""


@dataclass(frozen=True)
class Fix:
    """A safe change of the source: pairs of a location and the text that replaces it."""

    replacements: tuple[tuple[Location, str], ...]


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
    """The second place that matters, for example the later use of a failed session."""

    related_message: str = ""
    fix: Fix | None = None


def locate(path: str, node: ast.AST, lines: list[str]) -> Location:
    """Return where a syntax node is; ast counts columns in bytes of UTF-8."""
    line, end = getattr(node, "lineno", 1), getattr(node, "end_lineno", 1)
    column, end_column = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", 0)
    return Location(
        path, line, _characters(lines, line, column), end, _characters(lines, end, end_column)
    )


def _characters(lines: list[str], line: int, offset: int) -> int:
    """Return the column of an offset in bytes, counted in characters from 1."""
    text = lines[line - 1] if line <= len(lines) else ""
    return offset + 1 if text.isascii() else len(text.encode()[:offset].decode(errors="ignore")) + 1
