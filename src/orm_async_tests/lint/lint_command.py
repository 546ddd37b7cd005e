"""Runs the checker with the options of the command line, and prints the findings."""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.exit_codes import COULD_NOT_RUN
from orm_async_tests.lint.baseline import drop_known, write_baseline
from orm_async_tests.lint.finding import from_here, from_root
from orm_async_tests.lint.fixes import apply_fixes
from orm_async_tests.lint.formats import RENDERERS, count
from orm_async_tests.lint.lint_settings import Settings, find_root, read_settings, require_rules
from orm_async_tests.lint.project_check import Report, check
from orm_async_tests.lint.source_text import decode

FINDINGS = 1  # the exit code if there are findings
STANDARD_INPUT = "-"
MAX_ROUNDS = 10  # of fixes: an awaited call may show that its function is a coroutine of a session


def run(arguments: argparse.Namespace) -> int:
    """Return the exit code: 1 for findings, 2 for an unread file."""
    texts = _read_input(arguments)
    paths = [*texts] or [Path(path) for path in arguments.paths or ["."]]
    settings = _read_settings(arguments, paths, texts)
    report = check(paths, settings)
    if arguments.fix:
        report = _fix(paths, settings, report)
    if arguments.write_baseline:
        _write_baseline(report, settings)
    else:
        if settings.baseline:
            drop_known(report, Path(settings.baseline))
        for line in RENDERERS[arguments.format](report):
            print(line)
    for file in report.unread:
        path = from_here(file.path)
        problem = f"the file was not checked: {file.message}"
        pattern = re.sub(r"([*?\[\\!#])", r"\\\1", from_root(file.path, settings.root))
        remedy = f"correct the file, or run orm-async-tests lint --exclude {shlex.quote(pattern)}"
        print(CouldNotRun(problem, f"{path}:{file.line}", remedy), file=sys.stderr)
    if report.unread:
        return COULD_NOT_RUN
    is_success = not report.findings or arguments.exit_zero or arguments.write_baseline
    return 0 if is_success else FINDINGS


def _read_input(arguments: argparse.Namespace) -> dict[Path, str]:
    """Read standard input if the command line asks for it, and return {name: text}."""
    name = arguments.stdin_filename
    if STANDARD_INPUT not in arguments.paths and not name:
        return {}
    if arguments.paths not in ([], [STANDARD_INPUT]) or not name or arguments.fix:
        problem = "standard input needs a name, and cannot be combined with --fix or another path"
        remedy = "run orm-async-tests lint - --stdin-filename app/db.py"
        raise CouldNotRun(problem, "the command line", remedy)
    try:
        return {name: decode(sys.stdin.buffer.read())}
    except (SyntaxError, ValueError) as error:
        problem = f"the text on standard input cannot be decoded: {error}"
        raise CouldNotRun(problem, str(name), "save the file as UTF-8") from None


def _read_settings(
    arguments: argparse.Namespace, paths: Sequence[Path], texts: dict[Path, str]
) -> Settings:
    """Return the settings of the project, with the options of the command applied."""
    settings = read_settings(find_root(Path(os.path.commonpath([*map(Path.absolute, paths)]))))
    return replace(
        settings,
        select=_split_codes(arguments.select, "--select") or settings.select,
        ignore=[*settings.ignore, *_split_codes(arguments.ignore, "--ignore")],
        exclude=[*settings.exclude, *arguments.exclude],
        baseline=str(arguments.baseline or settings.baseline),
        include_tests=arguments.include_tests,
        warn_unused_ignores=arguments.warn_unused_ignores,
        uses_cache=not arguments.no_cache,
        jobs=arguments.jobs or os.cpu_count() or 1,
        texts=texts,
    )


def _split_codes(words: Sequence[str], option: str) -> list[str]:
    codes = re.findall(r"[^,\s]+", ",".join(words))
    require_rules(codes, option)
    return codes


def _fix(paths: Sequence[Path], settings: Settings, report: Report) -> Report:
    """Fix the findings, and those that come to light by a fix. Return the remaining findings."""
    total = 0
    for _ in range(MAX_ROUNDS):
        number = apply_fixes(report.findings)
        total += number
        if not number:
            break
        report = check(paths, settings)
    print(f"{count(total)} fixed", file=sys.stderr)
    return report


def _write_baseline(report: Report, settings: Settings) -> None:
    if not settings.baseline:
        problem, remedy = "no option names the baseline file", "--baseline lint-baseline.json"
        raise CouldNotRun(problem, "--write-baseline", remedy)
    write_baseline(Path(settings.baseline), report)
    print(f"{count(len(report.findings))} written to {settings.baseline}", file=sys.stderr)
