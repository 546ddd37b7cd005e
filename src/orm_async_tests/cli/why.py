"""The subcommand `orm-async-tests why`, which finds the scripts that explain an error."""

import argparse
import sys
import textwrap
from collections.abc import Iterator, Sequence

from orm_async_tests import catalogue, symptoms, terminal, tracebacks
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.rules import RULES
from orm_async_tests.lint.source_text import decode_other_text
from orm_async_tests.questions import read_cure_lines
from orm_async_tests.search import find_answers, find_questions

NO_MATCH = 1  # the exit code if no script matches


def why(arguments: argparse.Namespace) -> int:
    text = tracebacks.restore_tracebacks(" ".join(arguments.texts).strip() or _read_input())
    numbers, is_sure = find_answers(text)
    scripts = [catalogue.select_one(str(number)) for number in numbers]
    if not is_sure:
        if unanswered := find_questions(text, None):
            question = unanswered[0]
            print(f"no script answers this question: {question.text}")
            print(f"{_wrap(question.reason)}\n  {question.link}")
        else:
            _print_nearest(scripts, text)
        return NO_MATCH
    if line := tracebacks.user_line(text):
        print(f"{line}\n")
    best, equal = scripts[: symptoms.MAX_SCRIPTS], scripts[symptoms.MAX_SCRIPTS :]
    print("\n\n".join("\n".join(_explain_error(script, text)) for script in best))
    if equal:
        commands = ", ".join(script.command for script in equal)
        text = f"These scripts match as well as the last script above: {commands}."
        print(f"\n{textwrap.fill(text, terminal.WIDTH)}")
    return 0


def _read_input() -> str:
    if sys.stdin.isatty() or not (text := decode_other_text(sys.stdin.buffer.read())).strip():
        raise CouldNotRun(
            "the command `why` needs the text of an error, but received no text",
            "standard input",
            'run orm-async-tests why "the error message", or orm-async-tests why < FILE',
        )
    return text


def _print_nearest(scripts: Sequence[ScriptFile], text: str) -> None:
    subject = "shows this error" if tracebacks.is_printed_error(text) else "fits these words"
    lines = [f"no script {subject}"]
    if scripts:
        lines += ["but these scripts come closest:"]
        lines += [f"  {script.command}  {script.claim}" for script in scripts]
    if tracebacks.is_printed_error(text) and not tracebacks.TRACEBACK.search(text):
        lines.append("  paste the whole traceback, because the last line may not name the cause")
    print("\n".join([*lines, "  type: orm-async-tests list WORDS"]), file=sys.stderr)


def _wrap(paragraph: str) -> str:
    return textwrap.fill(paragraph, terminal.WIDTH, initial_indent="  ", subsequent_indent="  ")


def _explain_error(script: ScriptFile, error: str) -> Iterator[str]:
    yield f"{script.command}  {script.claim}"
    answers = [question.answer for question in find_questions(error, script.number)]
    for answer in dict.fromkeys(filter(None, answers)):
        yield _wrap(f"answer: {answer}")
    for paragraph in script.why.split("\n\n"):
        yield _wrap(paragraph)
    for name, label in script.right_variants:
        yield f"  cure: {label} (variant {name})"
    cure_lines = read_cure_lines().get(script.number, [])
    if cure_lines:
        yield "  for example:" if script.right_variants else "  cure:"
    for line in cure_lines:
        yield f"      {line}"
    rules = [rule for rule in RULES.values() if script.number in rule.scripts]
    if names := " or ".join(f"{rule.code} ({rule.name})" for rule in rules):
        yield f"  lint: orm-async-tests lint finds this mistake as {names}"
    yield f"  type: orm-async-tests explain {script.number}"
