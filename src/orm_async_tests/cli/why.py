"""orm-async-tests why: what an error means here, and the script that shows it."""

import argparse
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from orm_async_tests import catalogue, symptoms
from orm_async_tests.errors import CouldNotRun

UNKNOWN = 1  # the exit code
WIDTH = 100


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = commands.add_parser("why", help="which scripts show an error, and what cures it")
    parser.add_argument(
        "text", nargs="*", metavar="TEXT", help="the error or its traceback; else standard input"
    )
    parser.set_defaults(run=why)


def why(arguments: argparse.Namespace) -> int:
    """Print cause, cure and command, of the best three at most; 1 if no script shows the error."""
    text = " ".join(arguments.text) or _pasted()
    entries = {entry.number: entry for entry in catalogue.read_scripts()}
    found = symptoms.matching(text, {number: each.symptoms for number, each in entries.items()})
    if not found:
        print("no script shows this error\n  type: orm-async-tests list", file=sys.stderr)
        return UNKNOWN
    best, equals = found[: symptoms.MOST], found[symptoms.MOST :]
    print("\n\n".join("\n".join(_answer(entries[number])) for number in best))
    if equals:
        commands = ", ".join(entries[number].command for number in equals)
        print("\n" + textwrap.fill(f"Nothing in this text rules out {commands}.", WIDTH))
    return 0


def _pasted() -> str:
    if sys.stdin.isatty() or not (text := sys.stdin.read()).strip():
        where = "the command line and standard input"
        raise CouldNotRun(
            "there is no error to look up", where, 'orm-async-tests why "the error", or why < FILE'
        )
    return text


def _answer(entry: catalogue.ScriptFile) -> Iterator[str]:
    yield f"{entry.command}  {entry.claim}"
    for paragraph in entry.why.split("\n\n"):
        yield textwrap.fill(paragraph, WIDTH, initial_indent="  ", subsequent_indent="  ")
    for name, label in entry.cures:
        yield f"  cure: {name}: {label}"
    yield f"  type: orm-async-tests run {entry.number} -v"
