"""orm-async-tests why: looks up an error, a traceback or words, and names scripts that answer."""

import argparse
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from orm_async_tests import catalogue, search, symptoms, tracebacks
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.cli.subcommands import add_command
from orm_async_tests.cures import cure_lines
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.questions import Question, read_questions
from orm_async_tests.search import Ranking

UNKNOWN = 1  # the exit code if no script fits
WIDTH = 100  # columns


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = add_command(commands, "why", "look up an error or words: the cause and the cure")
    text = "an error, a traceback or words (default: read standard input)"
    parser.add_argument("text", nargs="*", metavar="TEXT", help=text)
    parser.set_defaults(run=why)


def why(arguments: argparse.Namespace) -> int:
    """Print the cause and the cure from the three best scripts; return 1 if none fits."""
    text = " ".join(arguments.text) or _read_input()
    scripts = {script.number: script for script in catalogue.read_scripts()}
    questions = read_questions()
    numbers, is_sure = find_answers(text, scripts, questions)
    if not is_sure:
        if question := _find_unanswered(text, questions):
            print(f"no script runs this: {question.text}\n  {question.reason}\n  {question.link}")
        else:
            _print_nearest([scripts[number] for number in numbers], text)
        return UNKNOWN
    if line := tracebacks.own_line(text):
        print(f"{line}\n")
    best, equal = numbers[: symptoms.MOST], numbers[symptoms.MOST :]
    print("\n\n".join("\n".join(_explain(scripts[number])) for number in best))
    if equal:
        commands = ", ".join(scripts[number].command for number in equal)
        print("\n" + textwrap.fill(f"These match as well as the last one: {commands}.", WIDTH))
    return 0


def find_answers(
    text: str, scripts: dict[int, ScriptFile], questions: Sequence[Question]
) -> tuple[list[int], bool]:
    """Return the numbers of the scripts for a text, best first, and whether they fit.

    Errors are matched by symptoms. If no symptom matches, the words of the text rank the scripts.
    Then the scripts fit if the text is no printed error and the best one has enough of its words.
    """
    known = {number: [*script.symptoms] for number, script in scripts.items()}
    for question in questions:
        if question.script is not None and question.symptom is not None:
            known[question.script].append(question.symptom)
    with search.open_index(list(scripts.values()), questions) as index:
        preferred = index.rank(symptoms.words_beside_error(text)).numbers
        if numbers := symptoms.find_scripts(text, known, preferred):
            return numbers, True
        ranking = index.rank(text)
    return list(ranking.numbers[: symptoms.MOST]), _fits(text, ranking)


def _find_unanswered(text: str, questions: Sequence[Question]) -> Question | None:
    """Return the question without a script whose symptom matches the text."""
    pasted = symptoms.PastedText(text)
    for question in questions:
        if question.symptom and question.script is None and pasted.matching_parts(question.symptom):
            return question
    return None


def _fits(text: str, ranking: Ranking) -> bool:
    return ranking.coverage >= search.ENOUGH and not symptoms.is_printed_error(text)


def _read_input() -> str:
    if sys.stdin.isatty() or not (text := sys.stdin.read()).strip():
        raise CouldNotRun(
            "there is nothing to look up",
            "the command line and standard input",
            'orm-async-tests why "the error or words", or why < FILE',
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
    yield f"{script.command}  {script.claim}"
    for paragraph in script.why.split("\n\n"):
        yield textwrap.fill(paragraph, WIDTH, initial_indent="  ", subsequent_indent="  ")
    for name, label in script.cures:
        yield f"  cure: {name}: {label}"
    for line in cure_lines(script):
        yield f"      {line}"
    yield f"  type: orm-async-tests explain {script.number}"
