"""Apply the fixes that findings carry."""

import ast
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.finding import Finding, Location
from orm_async_tests.lint.source_text import decode, encoding_of

LINE_END = re.compile(r"\r\n|\r|\n")


def apply_fixes(findings: Iterable[Finding]) -> int:
    """Change the files of findings that have a fix, and return how many fixes were applied.

    Two fixes that overlap need two runs: the first run applies the first fix. A file stays as it
    is if it would not be valid Python any more. Raise CouldNotRun if a file cannot be written.
    """
    by_path = defaultdict[str, list[Finding]](list)
    for finding in findings:
        if finding.fix:
            by_path[finding.location.path].append(finding)
    return sum(_fix_file(Path(path), group) for path, group in by_path.items())


def _fix_file(path: Path, findings: list[Finding]) -> int:
    data = path.read_bytes()
    text = decode(data)
    starts = _starts_of_lines(text)
    ranges: list[tuple[int, int, str]] = []
    count = 0
    for finding in findings:
        replacements = [
            (_offset(place.line, place.column, starts), _offset(*_end(place), starts), new)
            for place, new in (finding.fix.replacements if finding.fix else ())
        ]
        if not any(_overlaps(one, other) for one in replacements for other in ranges):
            ranges += replacements
            count += 1
    for start, end, new in sorted(ranges, reverse=True):
        text = text[:start] + new + text[end:]
    try:
        ast.parse(text)
        fixed = text.encode(encoding_of(data))
    except (ValueError, SyntaxError):
        return 0
    _replace(path, fixed)
    return count


def _end(place: Location) -> tuple[int, int]:
    return place.end_line, place.end_column


def _overlaps(one: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    return (one[0] < other[1] and other[0] < one[1]) or one[:2] == other[:2]


def _starts_of_lines(text: str) -> list[int]:
    """Return the offset of every line; lines end as they do for Python."""
    return [0, *(match.end() for match in LINE_END.finditer(text))]


def _offset(line: int, column: int, starts: list[int]) -> int:
    return starts[line - 1] + column - 1


def _replace(path: Path, data: bytes) -> None:
    """Replace a file at once, so that an interrupted command leaves the old one or the new one."""
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
