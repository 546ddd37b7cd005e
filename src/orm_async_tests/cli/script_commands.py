"""The subcommands `orm-async-tests list`, `run` and `explain`."""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orm_async_tests import catalogue, github, terminal
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.cli import add_command
from orm_async_tests.command_options import add_stack, add_views
from orm_async_tests.errors import CouldNotRun, require_writable

if TYPE_CHECKING:
    from orm_async_tests.db import Database
    from orm_async_tests.harness.report.result import Result

MOST_BY_WORDS = 10  # scripts that `list WORDS` prints
RULE_PREFIX = "OAT"  # of the codes of the checker's rules
NUMBERS = "numbers or ranges of scripts, for example 1 or 5-7"


def add(commands: Any) -> None:
    """Add the subcommands to argparse's subparsers."""
    _add_list(commands)
    _add_run(commands)
    parser = add_command(commands, "explain", "print the text and the code of scripts and rules")
    codes = f"{NUMBERS}; or codes of the checker's rules, for example OAT201"
    parser.add_argument("numbers", nargs="+", metavar="NUMBER", help=codes)
    parser.set_defaults(run=explain)


def _add_list(commands: Any) -> None:
    parser = add_command(commands, "list", "list the scripts by chapter")
    words = "only the scripts that have these words, best first"
    parser.add_argument("words", nargs="*", metavar="WORD", help=words)
    chapters = f"only this chapter: {', '.join(catalogue.CHAPTERS)} (repeatable)"
    parser.add_argument("--chapter", action="append", default=[], metavar="NAME", help=chapters)
    since = "only scripts about features that are new in this version of SQLAlchemy"
    parser.add_argument("--since", metavar="2.1", help=since)
    path = f"the {len(catalogue.LEARNING_PATH)} scripts to read first, in order, with their lessons"
    parser.add_argument("--path", action="store_true", help=path)
    parser.set_defaults(run=list_scripts)


def _add_run(commands: Any) -> None:
    parser = add_command(commands, "run", "run scripts and print their verdicts")
    parser.add_argument("numbers", nargs="*", metavar="NUMBER", help=NUMBERS)
    chapter = "run the scripts of this chapter (repeatable)"
    parser.add_argument("--chapter", action="append", default=[], metavar="NAME", help=chapter)
    parser.add_argument("--all", action="store_true", help="run every script")
    anyway = "also run scripts about a newer SQLAlchemy than the installed one"
    parser.add_argument("--anyway", action="store_true", help=anyway)
    json_ = "print the results as one JSON document"
    parser.add_argument("--json", action="store_true", dest="as_json", help=json_)
    ndjson = "print each result as one line of JSON as soon as it is known"
    parser.add_argument("--ndjson", action="store_true", help=ndjson)
    verbose = "print the SQL of each variant and the evidence; -vv prints them in full"
    parser.add_argument("-v", "--verbose", action="count", default=0, help=verbose)
    require = "fail if this is missing instead of skipping scripts, for example pgbouncer"
    parser.add_argument("--require", metavar="NEED[,NEED]", help=require)
    github.add_option(parser)
    add_stack(parser)
    add_views(parser)
    parser.set_defaults(run=run)


def list_scripts(arguments: argparse.Namespace) -> int:
    """Print the scripts by chapter, or print the learning path."""
    if arguments.path:
        for position, (script, lesson) in enumerate(catalogue.learning_path(), start=1):
            print(f"{position:2}. {script.command:>7}  {script.claim}\n{'':13}{lesson}")
        return 0
    scripts = catalogue.select([], arguments.chapter)
    if arguments.since:
        scripts = [script for script in scripts if _is_new(script, arguments.since)]
    if arguments.words:
        return _print_by_words(scripts, " ".join(arguments.words))
    for chapter in catalogue.group_by_chapter(scripts):
        print(f"{chapter.title} ({chapter.name})")
        for script in chapter.scripts:
            print(f"  {script.command:>7}  {script.claim}")
    return 0


def _print_by_words(scripts: Sequence[ScriptFile], words: str) -> int:
    """Print the scripts that contain the words, the best match first. Return 1 if no script
    contains the words.
    """
    from orm_async_tests import search
    from orm_async_tests.questions import read_questions

    with search.open_index(catalogue.read_scripts(), read_questions()) as index:
        numbers = index.rank(words).numbers
    by_number = {script.number: script for script in scripts}
    matching = [by_number[number] for number in numbers if number in by_number]
    for script in matching[:MOST_BY_WORDS]:
        print(f"{script.command:>9}  {script.claim}")
    if not matching:
        print("no script has these words\n  type: orm-async-tests list", file=sys.stderr)
    return 0 if matching else 1


def _is_new(script: ScriptFile, version: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        newest = (script.since or "0").rpartition(" or ")[2].lstrip(">=")
        return Version(newest) >= Version(version)
    except InvalidVersion:
        raise CouldNotRun(
            f"{version!r} is not a version", "--since", "a version of SQLAlchemy, for example 2.1"
        ) from None


def run(arguments: argparse.Namespace) -> int:
    """Run the selected scripts on one database. Print the verdicts as text or as JSON."""
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
    with open_database(arguments.db_, arguments.driver, arguments.pooler) as database:
        for latest in _run_each(scripts, database, arguments.loop, arguments.anyway):
            results.append(latest)
            if arguments.ndjson:
                print(json.dumps(result.document([latest])), flush=True)
            elif not arguments.as_json:
                _print_result(latest, arguments)
    if arguments.as_json:
        print(json.dumps(result.document(results), indent=2))
    elif not arguments.ndjson:
        _print_summary(results)
    if arguments.trace:
        write_trace(arguments.trace, results)
    if arguments.github:
        github.write(*_describe_for_github(scripts, results))
    return result.exit_code(results)


def _describe_for_github(
    scripts: Sequence[ScriptFile], results: Sequence["Result"]
) -> tuple[list[github.Annotation], str]:
    """Return an annotation for every BROKEN script, and a table of the scripts that do not hold."""
    from orm_async_tests.harness.report import render
    from orm_async_tests.verdicts import BROKEN, HOLDS

    paths = {script.number: github.relative_path(script.path) for script in scripts}
    annotations, rows = [], [("Verdict", "Script", "Claim", "Reason")]
    for item in results:
        verdict, script = item.verdict, item.script
        if verdict.word == BROKEN:
            title, path = f"BROKEN {script.command}: {script.claim}", paths[script.number]
            line = re.match(r".+\.py:(\d+)", verdict.reason) if path else None
            number = int(line[1]) if line else 0
            annotations.append(github.Annotation("error", title, verdict.reason, path, number))
        if verdict.word != HOLDS:
            rows.append((verdict.word, script.command, script.claim, verdict.reason))
    counts = "".join(text for _, text in render.render_summary(results))
    return annotations, github.render_summary(counts, rows)


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

    terminal.print_styled(
        terminal.render_table(list(table(result.observations for result in results)))
    )
    terminal.print_styled(render.render_summary(results))


def _run_each(
    scripts: Sequence[ScriptFile], database: "Database", loop: str, anyway: bool
) -> Iterator["Result"]:
    """Run the scripts and yield their results one by one."""
    from orm_async_tests.harness.run.runner import run_script
    from orm_async_tests.harness.script import Script

    is_hidden = sys.stdout.isatty()  # the verdicts themselves show the progress
    with terminal.show_progress("", len(scripts), is_hidden=is_hidden) as (_, advance):
        for file in scripts:
            advance(file.command)
            script = Script.of(file.load())
            yield run_script(replace(script, since="") if anyway else script, database, loop=loop)


def explain(arguments: argparse.Namespace) -> int:
    """Print rules' pages, or print scripts' claims, explanations and code."""
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
        terminal.print_python(script.path.read_text("utf-8").partition('"""\n\n')[2])
    return 0
