"""The subcommands `orm-async-tests list`, `run`, `explain` and `why`."""

import argparse
import json
import os
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from orm_async_tests import catalogue, github, symptoms, terminal
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.cli import command
from orm_async_tests.command_options import STACK, VIEWS
from orm_async_tests.errors import CouldNotRun, require_writable

if TYPE_CHECKING:
    from orm_async_tests.db import Database
    from orm_async_tests.harness.report.result import Result

MOST_BY_WORDS = 10  # scripts that `list WORD` prints
RULE_PREFIX = "OAT"  # of the codes of the checker's rules
NO_MATCH = 1  # the exit code if no script matches
VERSION = re.compile(r"\d+(\.\d+)*")


@command(
    "list",
    "list the scripts by chapter",
    f"""
    [WORD...]          only scripts that contain these words, the best match first
    --chapter NAME...  only the scripts of this chapter: {", ".join(catalogue.CHAPTERS)}
    --since VERSION    only scripts about features that are new in this version of SQLAlchemy, for
        example 2.1
    --path             the {len(catalogue.LEARNING_PATH)} scripts to read first, in reading order
    """,
)
def list_scripts(arguments: argparse.Namespace) -> int:
    if arguments.path:
        for position, (script, lesson) in enumerate(catalogue.learning_path(), start=1):
            print(f"{position:2}. {script.command:>7}  {script.claim}\n{'':13}{lesson}")
        return 0
    scripts = catalogue.select([], arguments.chapter)
    if version := arguments.since:
        if not VERSION.fullmatch(version):
            remedy = "a version of SQLAlchemy, for example 2.1"
            raise CouldNotRun(f"{version!r} is not a version", "--since", remedy)
        scripts = [script for script in scripts if _newest(script) >= _split_version(version)]
    if arguments.words:
        return _list_by_words(scripts, " ".join(arguments.words))
    for chapter in catalogue.group_by_chapter(scripts):
        print(f"{chapter.title} ({chapter.name})")
        for script in chapter.scripts:
            print(f"  {script.command:>7}  {script.claim}")
    return 0


def _newest(script: ScriptFile) -> tuple[int, ...]:
    return _split_version((script.since or "0").rpartition(" or ")[2])


def _split_version(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


def _list_by_words(scripts: Sequence[ScriptFile], words: str) -> int:
    from orm_async_tests import search

    by_number = {script.number: script for script in scripts}
    matching = [by_number[n] for n in search.rank(words).numbers if n in by_number]
    for script in matching[:MOST_BY_WORDS]:
        print(f"{script.command:>9}  {script.claim}")
    if not matching:
        print("no script has these words\n  type: orm-async-tests list", file=sys.stderr)
    return 0 if matching else NO_MATCH


@command(
    "run",
    "run scripts and print their verdicts",
    f"""
    [NUMBER...]        numbers or ranges of scripts, for example 1 or 5-7
    --chapter NAME...  run the scripts of this chapter
    --all              run every script
    --anyway           also run scripts about a newer SQLAlchemy than the installed one
    --json             print the results as one JSON document
    --ndjson           print each result as one line of JSON as soon as it is known
    -v, --verbose...   print the SQL of each variant and the evidence; -vv prints them in full
    --require NEED     fail instead of skipping scripts if this is missing, for example pgbouncer or
        pgbouncer,standby
    {github.OPTION}
    {STACK}
    {VIEWS}
    """,
)
def run(arguments: argparse.Namespace) -> int:
    from orm_async_tests.harness.environment.requirements import VARIABLE, require
    from orm_async_tests.harness.environment.script_database import open_database
    from orm_async_tests.harness.report import result
    from orm_async_tests.harness.report.views import write_trace

    if not (arguments.numbers or arguments.chapter or arguments.all):
        problem = "the command names no script to run"
        raise CouldNotRun(problem, "the command line", "orm-async-tests run --all")
    if arguments.require is not None:
        require(arguments.require, "--require")
    else:
        require(os.environ.get(VARIABLE, ""), VARIABLE)
    if arguments.github:
        github.require_summary()
    if arguments.trace:
        require_writable(arguments.trace, "--trace")
    scripts = catalogue.select(arguments.numbers, arguments.chapter)
    results = []
    is_hidden = sys.stdout.isatty()  # the verdicts themselves show the progress
    with open_database(arguments.db, arguments.driver, arguments.pooler) as database:
        for latest in run_each(scripts, database, arguments.loop, arguments.anyway, is_hidden):
            results.append(latest)
            if arguments.ndjson:
                print(json.dumps(result.document([latest])), flush=True)
            elif not arguments.json:
                _print_result(latest, arguments)
    if arguments.json:
        print(json.dumps(result.document(results), indent=2))
    elif not arguments.ndjson:
        _print_summary(results)
    if arguments.trace:
        write_trace(arguments.trace, results)
    if arguments.github:
        _write_for_github(results)
    return result.exit_code(results)


def run_each(
    scripts: Sequence[ScriptFile],
    database: "Database",
    loop: str,
    anyway: bool = False,
    is_hidden: bool = False,
) -> Iterator["Result"]:
    """Run the scripts, and yield their results one by one. `is_hidden` hides the progress bar."""
    from orm_async_tests.harness.run.runner import run_script
    from orm_async_tests.harness.script import Script

    with terminal.show_progress("", len(scripts), is_hidden=is_hidden) as (_, advance):
        for file in scripts:
            advance(file.command)
            script = Script.of(file.load())
            yield run_script(replace(script, since="") if anyway else script, database, loop=loop)


def _print_result(result: "Result", arguments: argparse.Namespace) -> None:
    from orm_async_tests.harness.report import render, views
    from orm_async_tests.verdicts import BROKEN

    lines, verbose = render.render_line(result), arguments.verbose
    if arguments.code or arguments.timeline:
        shown = {"code": arguments.code, "timeline": arguments.timeline}
        lines = views.render_views(result, terminal.detect_width(), **shown)
    elif verbose or result.verdict.word == BROKEN:
        lines = render.render_full(result, terminal.detect_width(), verbose > 1)
    terminal.print_styled(lines)


def _print_summary(results: Sequence["Result"]) -> None:
    from orm_async_tests.harness.report import render
    from orm_async_tests.harness.run.anomalies import table

    anomalies = list(table(result.observations for result in results))
    terminal.print_styled(terminal.render_table(anomalies))
    terminal.print_styled(render.render_summary(results))


def _write_for_github(results: Sequence["Result"]) -> None:
    """Annotate every BROKEN script, and write a table of the scripts that do not hold."""
    from orm_async_tests.harness.report import render
    from orm_async_tests.verdicts import BROKEN, HOLDS

    annotations, rows = [], [("Verdict", "Script", "Claim", "Reason")]
    for item in results:
        verdict, script = item.verdict, item.script
        if verdict.word == BROKEN:
            title = f"BROKEN {script.command}: {script.claim}"
            path = github.relative_path(catalogue.select_one(script.command).path)
            line = re.match(r".+\.py:(\d+)", verdict.reason) if path else None
            number = int(line[1]) if line else 0
            annotations.append(github.Annotation("error", title, verdict.reason, path, number))
        if verdict.word != HOLDS:
            rows.append((verdict.word, script.command, script.claim, verdict.reason))
    counts = "".join(text for _, text in render.render_summary(results))
    github.write(annotations, github.render_summary(counts, rows))


@command(
    "explain",
    "print the text and the code of scripts and rules",
    """
    NUMBER...  numbers or ranges of scripts, for example 1 or 5-7; or codes of the checker's rules,
        for example OAT201
    """,
)
def explain(arguments: argparse.Namespace) -> int:
    codes = [word for word in arguments.numbers if word.upper().startswith(RULE_PREFIX)]
    numbers = [word for word in arguments.numbers if word not in codes]
    if codes:
        from orm_async_tests.lint.rule_pages import find_rule, render_page

        print("\n".join(render_page(find_rule(code)) for code in codes), end="")
    for position, script in enumerate(catalogue.select(numbers) if numbers else ()):
        if position or codes:
            print()
        links = "\n".join(script.docs)
        print(f"{script.command}: {script.claim}\n\n{script.why}\n\n{links}\n")
        terminal.print_python(script.code)
    return 0


@command(
    "why",
    "look up the cause and the cure of an error, or search for words",
    "[TEXT...]  an error, a traceback or words (without a text: read standard input)",
)
def why(arguments: argparse.Namespace) -> int:
    from orm_async_tests.search import find_answers, find_unanswered

    text = " ".join(arguments.texts) or _read_input()
    numbers, is_sure = find_answers(text)
    scripts = [catalogue.select_one(str(number)) for number in numbers]
    if not is_sure:
        if question := find_unanswered(text):
            print(f"no script runs this: {question.text}\n  {question.reason}\n  {question.link}")
        else:
            _print_nearest(scripts, text)
        return NO_MATCH
    if line := symptoms.own_line(text):
        print(f"{line}\n")
    best, equal = scripts[: symptoms.MOST], scripts[symptoms.MOST :]
    print("\n\n".join("\n".join(_explain_error(script)) for script in best))
    if equal:
        commands = ", ".join(script.command for script in equal)
        print(
            "\n"
            + textwrap.fill(f"These match as well as the last one: {commands}.", terminal.WIDTH)
        )
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


def _explain_error(script: ScriptFile) -> Iterator[str]:
    from orm_async_tests.cures import cure_lines
    from orm_async_tests.lint.rules import RULES

    yield f"{script.command}  {script.claim}"
    for paragraph in script.why.split("\n\n"):
        yield textwrap.fill(paragraph, terminal.WIDTH, initial_indent="  ", subsequent_indent="  ")
    for name, label in script.cures:
        yield f"  cure: {name}: {label}"
    for line in cure_lines(script):
        yield f"      {line}"
    rules = [rule for rule in RULES.values() if script.number in rule.scripts]
    if names := " or ".join(f"{rule.code} ({rule.name})" for rule in rules):
        yield f"  lint: orm-async-tests lint finds this as {names}"
    yield f"  type: orm-async-tests explain {script.number}"
