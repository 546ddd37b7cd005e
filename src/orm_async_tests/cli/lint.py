"""The subcommand `orm-async-tests lint`, which finds misuse of async SQLAlchemy in source code."""

import argparse
import io
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orm_async_tests.cli import add_command
from orm_async_tests.errors import COULD_NOT_RUN, CouldNotRun

if TYPE_CHECKING:
    from orm_async_tests.lint.lint_settings import Settings
    from orm_async_tests.lint.project_check import Report

FINDINGS = 1  # the exit code if there are any
FORMATS = ("text", "concise", "json", "sarif", "github", "gitlab")
STANDARD_INPUT = "-"
REPEATED = {
    "select": ("CODES", "run only these rules: codes or their beginnings, for example OAT1,OAT201"),
    "ignore": ("CODES", "do not run these rules: codes or their beginnings"),
    "exclude": ("PATTERN", "skip the paths that match this pattern of .gitignore syntax"),
}
VALUES = {
    "stdin-filename": "the file name to show for source code from standard input",
    "baseline": "do not show the known findings that this file lists",
}
FLAGS = {
    "include-tests": "also check tests and migrations",
    "write-baseline": "write all findings to the baseline file",
    "fix": "correct findings where a change of the source is safe",
    "warn-unused-ignores": "also report comments that suppress nothing",
    "exit-zero": "exit with code 0 even if there are findings",
    "no-cache": "check every file again, and do not store the results",
}


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = add_command(commands, "lint", "find misuse of async SQLAlchemy in source code")
    option = parser.add_argument
    paths = "files and folders (default: the current one); - reads standard input"
    option("paths", nargs="*", metavar="PATH", help=paths)
    option("--format", choices=FORMATS, default="text", help="the format of the output")
    for name, (metavar, text) in REPEATED.items():
        option(f"--{name}", action="append", metavar=metavar, help=f"{text}; repeatable")
    for name, text in VALUES.items():
        option(f"--{name}", metavar="FILE", help=text)
    for name, text in FLAGS.items():
        option(f"--{name}", action="store_true", help=text)
    jobs = "processes (default: as many as there are CPUs)"
    option("-j", "--jobs", type=_parse_jobs, default=os.cpu_count() or 1, metavar="N", help=jobs)
    parser.set_defaults(run=lint)


def _parse_jobs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 1000):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes; try 2")
    return int(text)


def lint(arguments: argparse.Namespace) -> int:
    """Check files and print the findings.

    Return 1 if there are findings, and 2 if a file could not be read.
    """
    from orm_async_tests.lint.fixes import apply_fixes
    from orm_async_tests.lint.project_check import check

    if isinstance(sys.stdout, io.TextIOWrapper):  # a source line may have other characters
        sys.stdout.reconfigure(errors="backslashreplace")
    texts = _read_input(arguments)
    paths = [*texts] or [Path(path) for path in arguments.paths or ["."]]
    settings = _read_settings(arguments, paths, texts)
    report = check(paths, settings)
    if arguments.fix:
        count = apply_fixes(report.findings)
        print(f"{count} finding{'s' if count != 1 else ''} fixed", file=sys.stderr)
        report = check(paths, settings) if count else report
    return _print_report(report, arguments, settings.baseline)


def _read_input(arguments: argparse.Namespace) -> dict[Path, str]:
    """Return the text on standard input, with its file name as the key, or {} without standard
    input.
    """
    from orm_async_tests.lint.source_text import decode

    name = arguments.stdin_filename
    if STANDARD_INPUT not in arguments.paths and not name:
        return {}
    if arguments.paths not in ([], [STANDARD_INPUT]) or not name or arguments.fix:
        problem = "standard input needs a name, no other path, and no --fix"
        remedy = "orm-async-tests lint - --stdin-filename app/db.py"
        raise CouldNotRun(problem, "the command line", remedy)
    try:
        return {Path(name): decode(sys.stdin.buffer.read())}
    except (SyntaxError, ValueError) as error:
        problem = f"standard input is not Python's text: {error}"
        raise CouldNotRun(problem, name, "save the file as UTF-8") from None


def _read_settings(
    arguments: argparse.Namespace, paths: Sequence[Path], texts: dict[Path, str]
) -> "Settings":
    """Return the settings of the project and of the command line. `--select` and `--baseline`
    replace a setting of the project. `--ignore` and `--exclude` add to a setting of the project.
    """
    from dataclasses import replace

    from orm_async_tests.lint.lint_settings import find_root, read_settings

    settings = read_settings(find_root(Path(os.path.commonpath([*map(Path.absolute, paths)]))))
    return replace(
        settings,
        select=_split_codes(arguments.select, "--select") or settings.select,
        ignore=[*settings.ignore, *_split_codes(arguments.ignore, "--ignore")],
        exclude=[*settings.exclude, *(arguments.exclude or ())],
        baseline=arguments.baseline or settings.baseline,
        include_tests=arguments.include_tests,
        warn_unused_ignores=arguments.warn_unused_ignores,
        uses_cache=not arguments.no_cache,
        jobs=arguments.jobs,
        texts=texts,
    )


def _split_codes(words: Sequence[str] | None, option: str) -> list[str]:
    from orm_async_tests.lint.lint_settings import is_prefix
    from orm_async_tests.lint.rules import RULES

    codes = re.findall(r"[^,\s]+", ",".join(words or ()))
    for code in codes:
        if not is_prefix(code):
            remedy = f"ALL, or some of: {', '.join(RULES)}"
            raise CouldNotRun(f"there is no rule {code!r}", option, remedy)
    return codes


def _print_report(report: "Report", arguments: argparse.Namespace, baseline: str) -> int:
    """Print the findings, or write the baseline. Return the exit code."""
    from orm_async_tests.lint.baseline import drop_known, write_baseline
    from orm_async_tests.lint.finding import from_here
    from orm_async_tests.lint.formats import RENDERERS

    if arguments.write_baseline:
        if not baseline:
            problem, remedy = "no file is named to write to", "--baseline lint-baseline.json"
            raise CouldNotRun(problem, "--write-baseline", remedy)
        write_baseline(Path(baseline), report.findings, report.root)
        print(f"{len(report.findings)} findings written to {baseline}", file=sys.stderr)
    else:
        if baseline:
            report.findings, notice = drop_known(report.findings, Path(baseline), report.root)
            print(notice, end="", file=sys.stderr)
        for line in RENDERERS[arguments.format](report):
            print(line)
    for file in report.unread:
        problem = f"the file was not checked: {file.message}"
        path = from_here(file.path)
        remedy = f"fix it, or orm-async-tests lint --exclude {path}"
        print(CouldNotRun(problem, f"{path}:{file.line}", remedy), file=sys.stderr)
    if report.unread:
        return COULD_NOT_RUN
    is_failure = report.findings and not (arguments.exit_zero or arguments.write_baseline)
    return FINDINGS if is_failure else 0
