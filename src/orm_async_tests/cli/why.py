"""The subcommand `orm-async-tests why`, which finds the scripts that explain an error."""

import argparse
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from orm_async_tests import catalogue, symptoms
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.cli import add_command
from orm_async_tests.errors import CouldNotRun

UNKNOWN = 1  # the exit code if no script fits
WIDTH = 100  # columns


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = add_command(
        commands, "why", "look up the cause and the cure of an error, or search for words"
    )
    text = "an error, a traceback or words (default: read standard input)"
    parser.add_argument("text", nargs="*", metavar="TEXT", help=text)
    parser.set_defaults(run=why)


def why(arguments: argparse.Namespace) -> int:
    """Print the cause and the cure from the three best matching scripts. Return 1 if no script
    matches the error.
    """
    from orm_async_tests.questions import read_questions
    from orm_async_tests.search import find_answers, find_unanswered
    from orm_async_tests.symptoms import own_line

    text = " ".join(arguments.text) or _read_input()
    scripts = {script.number: script for script in catalogue.read_scripts()}
    questions = read_questions()
    numbers, is_sure = find_answers(text, scripts, questions)
    if not is_sure:
        if question := find_unanswered(text, questions):
            print(f"no script runs this: {question.text}\n  {question.reason}\n  {question.link}")
        else:
            _print_nearest([scripts[number] for number in numbers], text)
        return UNKNOWN
    if line := own_line(text):
        print(f"{line}\n")
    best, equal = numbers[: symptoms.MOST], numbers[symptoms.MOST :]
    print("\n\n".join("\n".join(_explain(scripts[number])) for number in best))
    if equal:
        commands = ", ".join(scripts[number].command for number in equal)
        print("\n" + textwrap.fill(f"These match as well as the last one: {commands}.", WIDTH))
    return 0


def _read_input() -> str:
    if sys.stdin.isatty() or not (text := sys.stdin.read()).strip():
        raise CouldNotRun(
            "there is no error or text to look up",
            "the command line and standard input",
            'orm-async-tests why "the error or words", or orm-async-tests why < FILE',
        )
    return text


def _print_nearest(scripts: Sequence[ScriptFile], text: str) -> None:
    subject = "shows this error" if symptoms.is_printed_error(text) else "fits these words"
    lines = [f"no script {subject}"]
    if scripts:
        lines += ["not sure, but these are nearest:"]
        lines += [f"  {script.command}  {script.claim}" for script in scripts]
    print("\n".join([*lines, "  type: orm-async-tests list WORDS"]), file=sys.stderr)


def _explain(script: ScriptFile) -> Iterator[str]:
    from orm_async_tests.cures import cure_lines
    from orm_async_tests.lint.rules import RULES

    yield f"{script.command}  {script.claim}"
    for paragraph in script.why.split("\n\n"):
        yield textwrap.fill(paragraph, WIDTH, initial_indent="  ", subsequent_indent="  ")
    for name, label in script.cures:
        yield f"  cure: {name}: {label}"
    for line in cure_lines(script):
        yield f"      {line}"
    rules = [rule for rule in RULES.values() if script.number in rule.scripts]
    if names := " or ".join(f"{rule.code} ({rule.name})" for rule in rules):
        yield f"  lint: orm-async-tests lint finds this as {names}"
    yield f"  type: orm-async-tests explain {script.number}"
