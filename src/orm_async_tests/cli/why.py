"""orm-async-tests why: looks an error up and names the scripts that reproduce it."""

import argparse
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from orm_async_tests import catalogue, symptoms
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.cli.subcommands import add_command
from orm_async_tests.errors import CouldNotRun

UNKNOWN_ERROR = 1  # the exit code
WIDTH = 100  # columns


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = add_command(commands, "why", "look up an error, its cause and its cure")
    text = "the error or its traceback (default: read standard input)"
    parser.add_argument("text", nargs="*", metavar="TEXT", help=text)
    parser.set_defaults(run=why)


def why(arguments: argparse.Namespace) -> int:
    """Print the cause and the cure from the three best scripts; return 1 if none matches."""
    text = " ".join(arguments.text) or _read_input()
    scripts = {script.number: script for script in catalogue.read_scripts()}
    numbers = symptoms.find_scripts(text, {n: script.symptoms for n, script in scripts.items()})
    if not numbers:
        print("no script shows this error\n  type: orm-async-tests list", file=sys.stderr)
        return UNKNOWN_ERROR
    best, equal = numbers[: symptoms.MOST], numbers[symptoms.MOST :]
    print("\n\n".join("\n".join(_explain(scripts[number])) for number in best))
    if equal:
        commands = ", ".join(scripts[number].command for number in equal)
        print("\n" + textwrap.fill(f"These match as well as the last one: {commands}.", WIDTH))
    return 0


def _read_input() -> str:
    if sys.stdin.isatty() or not (text := sys.stdin.read()).strip():
        raise CouldNotRun(
            "there is no error to look up",
            "the command line and standard input",
            'orm-async-tests why "the error", or why < FILE',
        )
    return text


def _explain(script: ScriptFile) -> Iterator[str]:
    yield f"{script.command}  {script.claim}"
    for paragraph in script.why.split("\n\n"):
        yield textwrap.fill(paragraph, WIDTH, initial_indent="  ", subsequent_indent="  ")
    for name, label in script.cures:
        yield f"  cure: {name}: {label}"
    yield f"  type: orm-async-tests run {script.number} -v"
