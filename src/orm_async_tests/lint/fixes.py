"""Applies the fixes of findings to the files."""

import ast
import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.finding import Finding, Fix
from orm_async_tests.lint.source_text import decode, encoding_of
from orm_async_tests.output_files import replace_file

LINE_END = re.compile(r"\r\n|\r|\n")  # as for Python


def apply_fixes(findings: Iterable[Finding]) -> int:
    """Apply the fixes of findings to the files. Return the number of applied fixes.

    The findings must be sorted by location. A fix that overlaps an earlier fix is skipped. A file
    stays unchanged if its new text is invalid Python. Raise CouldNotRun if a file cannot be
    written.
    """
    fixes = [finding.fix for finding in findings if finding.fix]
    files = groupby(fixes, key=lambda fix: fix.location.path)
    return sum(_fix_file(Path(path), group) for path, group in files)


def _fix_file(path: Path, fixes: Iterable[Fix]) -> int:
    data = path.read_bytes()
    text = decode(data)
    starts = [0, *(match.end() for match in LINE_END.finditer(text))]
    new, done, count = "", 0, 0
    for place, inserted in sorted({(fix.location, fix.text) for fix in fixes}):
        start = starts[place.line - 1] + place.column - 1
        if start >= done:
            new += text[done:start] + inserted
            done = starts[place.end_line - 1] + place.end_column - 1
            count += 1
    new += text[done:]
    try:
        ast.parse(new)
        replace_file(path.resolve(), new.encode(encoding_of(data)))
    except (ValueError, SyntaxError):
        return 0
    except OSError as error:
        problem = f"the file cannot be written: {error.strerror}"
        remedy = "run orm-async-tests lint without --fix"
        raise CouldNotRun(problem, str(path), remedy) from None
    return count
