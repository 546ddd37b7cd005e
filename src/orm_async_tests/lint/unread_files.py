"""Explains why the checker could not read a file."""

import re
import sys

# Syntax that a newer Python added, and what a line with this syntax contains. The newest is first.
NEWER = (
    ((3, 14), r"^\s*except\*?\s+[\w.]+\s*(,\s*[\w.]+\s*)+:", "except without parentheses"),
    ((3, 14), r"""(?<![\w'"])([tT][rR]?|[rR][tT])['"]""", "template strings"),
    ((3, 13), r"^\s*(class|.*def|type)\s+\w+\[[^\]]*=[^\]]*\]", "defaults of type parameters"),
    ((3, 12), r"^\s*type\s+\w+(\[.*\])?\s*=", "type statements"),
    ((3, 12), r"^\s*(class|def|async\s+def)\s+\w+\[", "type parameters"),
    ((3, 12), r"""\b[fF][rR]?['"]|\b[rR][fF]['"]|\nf-string""", "nested quotes in f-strings"),
)


def explain_syntax_error(error: SyntaxError) -> str:
    """Describe a syntax error, and name a newer Python that can parse the file, if there is one."""
    running = ".".join(map(str, sys.version_info[:2]))
    message = f"Python {running} cannot parse it: {error.msg}"
    for version, pattern, syntax in reversed(NEWER):
        if version > sys.version_info[:2] and re.search(pattern, f"{error.text}\n{error.msg}"):
            number = ".".join(map(str, version))
            return f"{message} (Python {number} or newer can parse {syntax})"
    return message
