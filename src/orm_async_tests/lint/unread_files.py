"""Explains why the checker could not read a file, and which Python can parse it."""

import re
import sys

from orm_async_tests.lint.finding import UnreadFile

# Syntax that a Python brought, by what a line with a syntax error has. The newest comes first.
NEWER: tuple[tuple[tuple[int, int], re.Pattern[str], str], ...] = (
    ((3, 14), re.compile(r"^\s*except\*?\s+[\w.]+\s*(,\s*[\w.]+\s*)+:"), "except without brackets"),
    ((3, 14), re.compile(r"""(?<![\w'"])([tT][rR]?|[rR][tT])['"]"""), "template strings"),
    ((3, 13), re.compile(r"^\s*(class|def|async\s+def|type)\s+\w+\[[^\]]*=[^\]]*\]"), "defaults"),
    ((3, 12), re.compile(r"^\s*type\s+\w+(\[.*\])?\s*="), "type statements"),
    ((3, 12), re.compile(r"^\s*(class|def|async\s+def)\s+\w+\["), "type parameters"),
    ((3, 12), re.compile(r"""\b[fF][rR]?['"]|\b[rR][fF]['"]"""), "nested quotes in f-strings"),
)


def explain_syntax_error(path: str, error: SyntaxError) -> UnreadFile:
    """Return what is wrong with a file. If the wrong line shows which Python can parse the file,
    return this Python too.
    """
    for version, pattern, syntax in NEWER:
        if version > sys.version_info[:2] and pattern.search(error.text or ""):
            number = ".".join(map(str, version))
            message = f"{error.msg}: Python {number} or newer can read it ({syntax})"
            return UnreadFile(path, error.lineno or 1, message)
    return UnreadFile(path, error.lineno or 1, error.msg)
