"""Files that the checker could not read, and the Python that can."""

import re
import sys
from dataclasses import dataclass

from orm_async_tests.lint.file_result import Unreadable
from orm_async_tests.lint.source_text import SourceTexts

# Syntax that a Python brought, by what a line with a syntax error has. The newest comes first.
NEWER: tuple[tuple[tuple[int, int], re.Pattern[str], str], ...] = (
    ((3, 14), re.compile(r"^\s*except\*?\s+[\w.]+\s*(,\s*[\w.]+\s*)+:"), "except without brackets"),
    ((3, 14), re.compile(r"""(?<![\w'"])([tT][rR]?|[rR][tT])['"]"""), "template strings"),
    ((3, 13), re.compile(r"^\s*(class|def|async\s+def|type)\s+\w+\[[^\]]*=[^\]]*\]"), "defaults"),
    ((3, 12), re.compile(r"^\s*type\s+\w+(\[.*\])?\s*="), "type statements"),
    ((3, 12), re.compile(r"^\s*(class|def|async\s+def)\s+\w+\["), "type parameters"),
    ((3, 12), re.compile(r"""\b[fF][rR]?['"]|\b[rR][fF]['"]"""), "nested quotes in f-strings"),
)


@dataclass(frozen=True)
class UnreadFile:
    """A file that was not checked."""

    path: str
    line: int
    message: str
    """What is wrong, and which Python can read the file."""


def explain_unread(file: Unreadable, sources: SourceTexts) -> UnreadFile:
    """Add to a syntax error which Python can read the file, if its line shows that."""
    lines = sources.lines(file.path)
    line = lines[file.line - 1] if 0 < file.line <= len(lines) else ""
    for version, pattern, syntax in NEWER:
        if version > sys.version_info[:2] and pattern.search(line):
            number = ".".join(map(str, version))
            message = f"{file.message}: Python {number} or newer can read it ({syntax})"
            return UnreadFile(file.path, file.line, message)
    return UnreadFile(file.path, file.line, file.message)
