"""The subcommand `orm-async-tests report`, which writes one HTML page from result files."""

import argparse
import json
import shlex
import sys
from pathlib import Path

from orm_async_tests import catalogue
from orm_async_tests.cli.script_runs import run_each
from orm_async_tests.command_options import refuse_options
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.environment.script_database import open_chosen_database
from orm_async_tests.harness.report.phrasing import pluralize
from orm_async_tests.harness.report.result import document
from orm_async_tests.html_report import page, site_files
from orm_async_tests.html_report.changes import WORSE, list_changes
from orm_async_tests.html_report.panels import build_panels
from orm_async_tests.html_report.result_files import Results, read_results
from orm_async_tests.output_files import create_folder, require_writable, write_file
from orm_async_tests.questions import read_questions

DEFAULT_OUTPUT = Path("report.html")
EXAMPLE = "orm-async-tests report before.json after.json --diff"


def report(arguments: argparse.Namespace) -> int:
    """Write the page, and return 1 if `--diff` shows a change for the worse or missing results."""
    if arguments.results:
        refuse_options(arguments, "the result files", "db", "driver", "pooler")
    if arguments.diff:
        return _write_changes(arguments)
    output, option, badge = arguments.output or DEFAULT_OUTPUT, "--output", arguments.badge
    if site := arguments.site:
        refuse_options(arguments, "--site", "output")
        output, option = site / "index.html", "--site"
        create_folder(site, option)
    require_writable(output, option)
    if badge:
        require_writable(badge, "--badge")
    results = read_results(arguments.results) if arguments.results else _run_scripts(arguments)
    panels = build_panels(results, catalogue.read_scripts())
    write_file(output, page.render_report(results, panels, _command()), option)
    badge_text = json.dumps(site_files.build_badge(results))
    if badge:
        write_file(badge, badge_text, "--badge")
    if site:
        documents = json.dumps(site_files.build_catalogue(panels), indent=1)
        write_file(site / "catalogue.json", f"{documents}\n", option)
        questions = read_questions()
        write_file(site / "llms.txt", site_files.render_llms(panels, questions), option)
        write_file(site / "badge.json", f"{badge_text}\n", option)
    counts = ", ".join(f"{count} {word}" for word, count in results.count().most_common())
    print(f"{output}: {counts or 'no verdicts'}")
    _print_problems(results)
    return 0


def _run_scripts(arguments: argparse.Namespace) -> Results:
    with open_chosen_database(arguments.db, arguments.driver, arguments.pooler) as database:
        runs = list(run_each(catalogue.read_scripts(), database, arguments.loop))
    results = Results()
    results.add(json.loads(json.dumps(document(runs))), "this run")
    return results


def _write_changes(arguments: argparse.Namespace) -> int:
    if len(arguments.results) != 2 or arguments.site or arguments.badge:
        problem = "the option --diff needs exactly two files of results, and writes only one page"
        raise CouldNotRun(problem, "the command line", EXAMPLE)
    output = arguments.output or DEFAULT_OUTPUT
    require_writable(output, "--output")
    before, after = (read_results([path]) for path in arguments.results)
    changes = list_changes(before, after)
    text = page.render_changes(before, after, changes, _command())
    write_file(output, text, "--output")
    worse = sum(change.severity == WORSE for change in changes)
    print(f"{output}: {worse} of {len(changes)} changes are for the worse")
    _print_problems(before, after)
    return int(worse > 0 or bool(after.problems))  # missing results must not look like success


def _print_problems(*parts: Results) -> None:
    if problems := [text for part in parts for text in part.problems]:
        count = pluralize(len(problems), "problem")
        print(f"the result files have {count}, which the page lists, for example:", file=sys.stderr)
        print(f"  {problems[0]}", file=sys.stderr)


def _command() -> str:
    return shlex.join(["orm-async-tests", *sys.argv[1:]])
