"""Applies the fixes of findings to the files."""

import ast
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.finding import Finding, Fix
from orm_async_tests.lint.source_text import decode, encoding_of

LINE_END = re.compile(r"\r\n|\r|\n")  # as for Python


def apply_fixes(findings: Iterable[Finding]) -> int:
    """Change the files of all findings that have a fix. Return the number of applied fixes.

    If two fixes overlap, only the first fix is applied. A second run applies the second of two
    overlapping fixes. If the changed text of a file is not valid Python, the file is not changed.
    Raise CouldNotRun if a file cannot be written.
    """
    by_path = defaultdict[str, list[Fix]](list)
    for finding in findings:
        if finding.fix:
            by_path[finding.location.path].append(finding.fix)
    return sum(_fix_file(Path(path), fixes) for path, fixes in by_path.items())


def _fix_file(path: Path, fixes: list[Fix]) -> int:
    data = path.read_bytes()
    text = decode(data)
    starts = [0, *(match.end() for match in LINE_END.finditer(text))]
    changes: list[tuple[int, int, str]] = []
    for fix in fixes:
        place = fix.location
        start = starts[place.line - 1] + place.column - 1
        end = starts[place.end_line - 1] + place.end_column - 1
        if not any(
            (start < other_end and other_start < end) or (start, end) == (other_start, other_end)
            for other_start, other_end, _ in changes
        ):
            changes.append((start, end, fix.text))
    for start, end, new in sorted(changes, reverse=True):
        text = text[:start] + new + text[end:]
    try:
        ast.parse(text)
        fixed = text.encode(encoding_of(data))
    except (ValueError, SyntaxError):
        return 0
    _replace(path, fixed)
    return len(changes)


def _replace(path: Path, data: bytes) -> None:
    """Replace a file in one step, so that an interrupted command loses nothing."""
    try:
        target = path.resolve()
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
            file.write(data)
        part = Path(file.name)
        part.chmod(target.stat().st_mode)
        part.replace(target)
    except OSError as error:
        problem = f"the file cannot be written: {error.strerror}"
        remedy = "orm-async-tests lint, without --fix"
        raise CouldNotRun(problem, str(path), remedy) from None
