"""orm-async-tests lint: finds misuse of async SQLAlchemy in source code, without running it."""

import argparse
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orm_async_tests.cli.subcommands import add_command
from orm_async_tests.errors import COULD_NOT_RUN, CouldNotRun

if TYPE_CHECKING:
    from orm_async_tests.lint.configuration import Configuration
    from orm_async_tests.lint.formats import Outcome
    from orm_async_tests.lint.project_check import Request

FINDINGS = 1  # the exit code if there are any
FORMATS = ("text", "concise", "json", "sarif", "github", "gitlab")
STANDARD_INPUT = "-"


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = add_command(commands, "lint", "find misuse of async SQLAlchemy in source code")
    option = parser.add_argument
    paths = "files and folders (default: the current one); - reads standard input"
    option("paths", nargs="*", metavar="PATH", help=paths)
    option("--stdin-filename", metavar="FILE", help="the name of the file on standard input")
    option("--include-tests", action="store_true", help="also check tests and migrations")
    option("--format", choices=FORMATS, default="text", help="the form of the output")
    codes = "codes or their beginnings, for example OAT1,OAT201; repeatable"
    option("--select", action="append", metavar="CODES", help=f"run only these rules: {codes}")
    option("--ignore", action="append", metavar="CODES", help=f"do not run these rules: {codes}")
    option("--exclude", action="append", metavar="PATTERN", help="skip paths, as .gitignore does")
    option("--baseline", metavar="FILE", help="a file of known findings, which are not shown")
    option("--write-baseline", action="store_true", help="write all findings to the baseline")
    option("--fix", action="store_true", help="change the source where that is safe")
    unused = "also report comments that suppress nothing"
    option("--warn-unused-ignores", action="store_true", help=unused)
    option("--exit-zero", action="store_true", help="exit with 0 although there are findings")
    jobs = "processes (default: as many as there are CPUs)"
    option("-j", "--jobs", type=_parse_jobs, default=os.cpu_count() or 1, metavar="N", help=jobs)
    option("--no-cache", action="store_true", help="read every file again, and store no results")
    parser.set_defaults(run=lint)


def _parse_jobs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 1000):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes; try 2")
    return int(text)


def lint(arguments: argparse.Namespace) -> int:
    """Print the findings. Return 1 if there are findings, and 2 if a file could not be read."""
    from orm_async_tests.lint.configuration import find_root, read_configuration, with_options
    from orm_async_tests.lint.project_check import check_project

    if isinstance(sys.stdout, io.TextIOWrapper):  # a source line may have other characters
        sys.stdout.reconfigure(errors="backslashreplace")
    request = _read_request(arguments)
    base = Path(os.path.commonpath([path.absolute() for path in request.paths]))
    configuration = read_configuration(find_root(base))
    configuration = with_options(
        configuration,
        arguments.select,
        arguments.ignore,
        exclude=(*configuration.exclude, *(arguments.exclude or ())),
    )
    outcome = check_project(request, configuration)
    if arguments.fix and _fix(outcome):
        outcome = check_project(request, configuration)
    return _report(outcome, arguments, _find_baseline(arguments.baseline, configuration))


def _read_request(arguments: argparse.Namespace) -> "Request":
    from orm_async_tests.lint.project_check import Request

    paths = [Path(path) for path in arguments.paths or ["."]]
    texts = {}
    if STANDARD_INPUT in arguments.paths or arguments.stdin_filename:
        name = arguments.stdin_filename
        if arguments.paths not in ([], [STANDARD_INPUT]) or not name:
            problem = "standard input needs a name, and no other path"
            remedy = "orm-async-tests lint - --stdin-filename app/db.py"
            raise CouldNotRun(problem, "the command line", remedy)
        if arguments.fix:
            remedy = "orm-async-tests lint --fix, with the path of a file"
            raise CouldNotRun("standard input cannot be changed", "--fix", remedy)
        paths = [Path(name)]
        texts[paths[0]] = _read_input(name)
    return Request(
        paths,
        arguments.include_tests,
        arguments.warn_unused_ignores,
        not arguments.no_cache,
        arguments.jobs,
        texts,
    )


def _read_input(name: str) -> str:
    from orm_async_tests.lint.source_text import decode

    try:
        return decode(sys.stdin.buffer.read())
    except (SyntaxError, ValueError) as error:
        problem = f"standard input is not Python's text: {error}"
        raise CouldNotRun(problem, name, "save the file as UTF-8") from None


def _fix(outcome: "Outcome") -> int:
    from orm_async_tests.lint.fixes import apply_fixes

    count = apply_fixes(outcome.findings)
    print(f"{count} finding{'s' if count != 1 else ''} fixed", file=sys.stderr)
    return count


def _find_baseline(option: str | None, configuration: "Configuration") -> Path | None:
    if option:
        return Path(option)
    return configuration.root / configuration.baseline if configuration.baseline else None


def _report(outcome: "Outcome", arguments: argparse.Namespace, baseline: Path | None) -> int:
    """Print the outcome, or write the baseline, and return the exit code."""
    from dataclasses import replace

    from orm_async_tests.lint import formats, known_findings

    if arguments.write_baseline:
        if baseline is None:
            problem, remedy = "no file is named to write to", "--baseline lint-baseline.json"
            raise CouldNotRun(problem, "--write-baseline", remedy)
        known_findings.write_known(baseline, outcome.findings, outcome.sources)
        print(f"{len(outcome.findings)} findings written to {baseline}", file=sys.stderr)
        return _name_unread(outcome)
    if baseline:
        known = known_findings.read_known(baseline)
        new, cured = known_findings.drop_known(outcome.findings, known, outcome.sources)
        outcome = replace(outcome, findings=new)
        if cured:
            rewrite = f"orm-async-tests lint --baseline {baseline} --write-baseline"
            print(f"{cured} findings of {baseline} are cured\n  type:  {rewrite}", file=sys.stderr)
    for line in formats.FORMATS[arguments.format](outcome):
        print(line)
    if code := _name_unread(outcome):
        return code
    return FINDINGS if outcome.findings and not arguments.exit_zero else 0


def _name_unread(outcome: "Outcome") -> int:
    """Name the files that were not checked, on standard error, and return the exit code."""
    from orm_async_tests.lint.source_text import from_here

    for file in outcome.unread:
        where = f"{from_here(file.path)}:{file.line}"
        remedy = f"fix it, or orm-async-tests lint --exclude {from_here(file.path)}"
        problem = f"the file was not checked: {file.message}"
        print(CouldNotRun(problem, where, remedy), file=sys.stderr)
    return COULD_NOT_RUN if outcome.unread else 0
