"""The subcommand `orm-async-tests lint`, which finds misuse of async SQLAlchemy in source code."""

import argparse
import os
import re
from typing import Any

from orm_async_tests.cli import add_command

FORMATS = ("text", "concise", "json", "sarif", "github", "gitlab")
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
        help_text = f"{text}; repeatable"
        option(f"--{name}", action="append", default=[], metavar=metavar, help=help_text)
    for name, text in VALUES.items():
        option(f"--{name}", metavar="FILE", default="", help=text)
    for name, text in FLAGS.items():
        option(f"--{name}", action="store_true", help=text)
    jobs = "processes (default: as many as there are CPUs)"
    option("-j", "--jobs", type=_parse_jobs, default=os.cpu_count() or 1, metavar="N", help=jobs)
    parser.set_defaults(run=lint)


def _parse_jobs(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,2}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes; try 2")
    return int(text)


def lint(arguments: argparse.Namespace) -> int:
    from orm_async_tests.lint.lint_command import run

    return run(arguments)
