"""The subcommand `orm-async-tests run`."""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from orm_async_tests import catalogue, github, terminal
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.command_options import refuse_options
from orm_async_tests.db import Database
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.environment.requirements import require
from orm_async_tests.harness.environment.script_database import open_chosen_database
from orm_async_tests.harness.report import render, views
from orm_async_tests.harness.report.result import Result, document, exit_code
from orm_async_tests.harness.run.anomalies import tabulate_anomalies
from orm_async_tests.harness.run.runner import print_result, run_script
from orm_async_tests.harness.script import Script
from orm_async_tests.output_files import require_writable
from orm_async_tests.verdicts import BROKEN, HOLDS


def run(arguments: argparse.Namespace) -> int:
    if not (arguments.numbers or arguments.chapter or arguments.all):
        problem = "the command names no script to run"
        raise CouldNotRun(problem, "the command line", "orm-async-tests run --all")
    if arguments.all and (arguments.numbers or arguments.chapter):
        problem = "--all selects every script, but the command also names a number or a chapter"
        raise CouldNotRun(problem, "--all", "omit --all, or omit the numbers and the chapters")
    if arguments.json or arguments.ndjson:
        refuse_options(arguments, "--json or --ndjson", "code", "timeline")
    require(arguments.require)
    if arguments.github:
        github.require_summary()
    if arguments.trace:
        require_writable(arguments.trace, "--trace")
    scripts = catalogue.select(arguments.numbers, arguments.chapter)
    results = []
    is_hidden = sys.stdout.isatty()  # the verdicts themselves show the progress
    with open_chosen_database(arguments.db, arguments.driver, arguments.pooler) as database:
        for result in run_each(scripts, database, arguments.loop, arguments.anyway, is_hidden):
            results.append(result)
            if arguments.ndjson:
                print(json.dumps(document([result])), flush=True)
            elif not arguments.json:
                _print_result(result, arguments)
    if arguments.json:
        print(json.dumps(document(results), indent=2))
    elif not arguments.ndjson:
        _print_summary(results)
    if arguments.trace:
        views.write_trace(arguments.trace, results)
    if arguments.github:
        _write_for_github(results)
    return exit_code(results)


def run_each(
    scripts: Sequence[ScriptFile],
    database: Database,
    loop: str,
    anyway: bool = False,
    is_hidden: bool = False,
) -> Iterator[Result]:
    with terminal.show_progress("", len(scripts), is_hidden=is_hidden) as (_, advance):
        for file in scripts:
            advance(file.command)
            script = Script.of(file.load())
            yield run_script(replace(script, since="") if anyway else script, database, loop=loop)


def _print_result(result: Result, arguments: argparse.Namespace) -> None:
    lines, verbose = render.render_result_line(result), arguments.verbose
    if verbose or result.verdict.word == BROKEN:
        lines = render.render_full(result, terminal.detect_width(), verbose > 1)
    print_result(result, arguments, lines)


def _print_summary(results: Sequence[Result]) -> None:
    anomalies = list(tabulate_anomalies(result.observations for result in results))
    terminal.print_styled(terminal.render_table(anomalies))
    terminal.print_styled(render.render_totals(results))


def _write_for_github(results: Sequence[Result]) -> None:
    annotations, rows = [], [("Verdict", "Script", "Claim", "Reason")]
    for result in results:
        verdict, script = result.verdict, result.script
        if verdict.word == BROKEN:
            title = f"BROKEN {script.command}: {script.claim}"
            path = github.relative_path(catalogue.select_one(script.command).path)
            line = re.match(r".+\.py:(\d+)", verdict.reason) if path else None
            number = int(line[1]) if line else 0
            annotations.append(github.Annotation("error", title, verdict.reason, path, number))
        if verdict.word != HOLDS:
            rows.append((verdict.word, script.command, script.claim, verdict.reason))
    counts = "".join(text for _, text in render.render_totals(results))
    github.write(annotations, github.render_summary(counts, rows))
