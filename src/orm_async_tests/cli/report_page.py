"""The subcommand `orm-async-tests report`, which writes one HTML page from result files."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orm_async_tests import catalogue
from orm_async_tests.cli.script_runs import run_each
from orm_async_tests.errors import CouldNotRun, require_writable, write_file
from orm_async_tests.harness.environment.script_database import open_database
from orm_async_tests.harness.report import result
from orm_async_tests.harness.report.phrasing import pluralize
from orm_async_tests.html_report import catalogue_files, page
from orm_async_tests.html_report.changes import WORSE, list_changes
from orm_async_tests.html_report.panels import Panel
from orm_async_tests.html_report.result_files import Results, add_documents, read_results
from orm_async_tests.questions import read_questions

EXAMPLE = "orm-async-tests report before.json after.json --diff"


def report(arguments: argparse.Namespace) -> int:
    """Return 1 if `--diff` shows a result that got worse."""
    if arguments.diff:
        return _write_changes(arguments)
    _check_outputs(arguments)
    if arguments.results:
        results = read_results(arguments.results)
    else:
        results = Results()
        add_documents(results, [_run_scripts(arguments)], "this run")
    _write_page(arguments, results, page.build_panels(results, catalogue.read_scripts()))
    return 0


def _check_outputs(arguments: argparse.Namespace) -> None:
    """Raise CouldNotRun, before anything runs, if an output file cannot be written."""
    if arguments.site:
        try:
            arguments.site.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = f"the folder cannot be created: {error.strerror}"
            raise CouldNotRun(problem, str(arguments.site), "--site FOLDER") from None
    require_writable(_find_output(arguments), "--site" if arguments.site else "--output")
    if arguments.badge:
        require_writable(arguments.badge, "--badge")


def _find_output(arguments: argparse.Namespace) -> Path:
    path: Path = arguments.site / "index.html" if arguments.site else arguments.output
    return path


def _run_scripts(arguments: argparse.Namespace) -> Any:
    """Run all scripts. Return the results as a JSON document."""
    with open_database(arguments.db, arguments.driver, arguments.pooler) as database:
        results = list(run_each(catalogue.read_scripts(), database, arguments.loop))
    return json.loads(json.dumps(result.document(results)))


def _write_page(arguments: argparse.Namespace, results: Results, panels: Sequence[Panel]) -> None:
    output = _find_output(arguments)
    option = "--site" if arguments.site else "--output"
    write_file(output, page.render_report(results, panels, _command()), option)
    badge = json.dumps(catalogue_files.build_badge(results))
    if arguments.badge:
        write_file(arguments.badge, badge, "--badge")
    if arguments.site:
        documents = catalogue_files.build_catalogue(panels)
        beside = {
            "catalogue.json": json.dumps(documents, indent=1) + "\n",
            "llms.txt": catalogue_files.render_llms(panels, read_questions()),
            "badge.json": badge + "\n",
        }
        for name, text in beside.items():
            write_file(arguments.site / name, text, option)
    counts = ", ".join(f"{count} {word}" for word, count in results.count().most_common())
    print(f"{output}: {counts or 'no verdicts'}")
    _print_problems(results)


def _write_changes(arguments: argparse.Namespace) -> int:
    if len(arguments.results) != 2 or arguments.site or arguments.badge:
        problem = "--diff takes two files of results, and writes one page"
        raise CouldNotRun(problem, "the command line", EXAMPLE)
    require_writable(arguments.output, "--output")
    before, after = (read_results([path]) for path in arguments.results)
    changes = list_changes(before, after)
    text = page.render_changes(before, after, changes, _command())
    write_file(arguments.output, text, "--output")
    worse = sum(change.severity == WORSE for change in changes)
    print(f"{arguments.output}: {worse} of {len(changes)} changes are for the worse")
    _print_problems(before, after)
    return int(worse > 0)


def _print_problems(*parts: Results) -> None:
    problems: Sequence[str] = [text for part in parts for text in part.problems]
    if problems:
        count = pluralize(len(problems), "problem")
        print(f"{count}, which the page shows, for example:", file=sys.stderr)
        print(f"  {problems[0]}", file=sys.stderr)


def _command() -> str:
    return shlex.join(["orm-async-tests", *sys.argv[1:]])
