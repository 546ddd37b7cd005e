"""The subcommand `orm-async-tests report`, which writes one HTML page from result files."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orm_async_tests import catalogue, terminal
from orm_async_tests.cli import add_command
from orm_async_tests.command_options import add_stack
from orm_async_tests.errors import CouldNotRun, install_extra, require_writable, write_file

if TYPE_CHECKING:
    from orm_async_tests.html_report.panels import Panel
    from orm_async_tests.html_report.result_files import Results

OUTPUT = "report.html"
EXAMPLE = "orm-async-tests report before.json after.json --diff"


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = add_command(commands, "report", "write one HTML page of scripts and their verdicts")
    files = "JSON of run, matrix, faults or bench (default: run all scripts first)"
    parser.add_argument("results", nargs="*", type=Path, metavar="RESULTS", help=files)
    output = f"the file to write (default: {OUTPUT})"
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(OUTPUT), metavar="FILE", help=output
    )
    diff = "show what changed from the first file to the second; exit with 1 if it got worse"
    parser.add_argument("--diff", action="store_true", help=diff)
    site = "write the page as index.html, with catalogue.json, llms.txt and badge.json"
    parser.add_argument("--site", type=Path, metavar="FOLDER", help=site)
    badge = "also write the JSON of a shields.io endpoint"
    parser.add_argument("--badge", type=Path, metavar="FILE", help=badge)
    add_stack(parser)
    parser.set_defaults(run=report)


def report(arguments: argparse.Namespace) -> int:
    """Write the page. Write the HTML page. Return 1 if `--diff` shows a result that got worse, and
    otherwise 0.
    """
    if missing := [name for name in ("jinja2", "pygments") if find_spec(name) is None]:
        problem = f"the report needs {' and '.join(missing)}"
        raise CouldNotRun(problem, "this Python", install_extra("report"))
    if arguments.diff:
        return _write_changes(arguments)
    from orm_async_tests.html_report import page
    from orm_async_tests.html_report.result_files import Results, add_documents, read_results

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


def _run_scripts(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run all scripts with the versions and the server that the options choose. Return the results
    as a JSON document.
    """
    from orm_async_tests.harness.environment.script_database import open_database
    from orm_async_tests.harness.report import result
    from orm_async_tests.harness.run.runner import run_script
    from orm_async_tests.harness.script import Script

    scripts, results = catalogue.read_scripts(), []
    with (
        open_database(arguments.db_, arguments.driver, arguments.pooler) as database,
        terminal.show_progress("scripts", len(scripts)) as (_, advance),
    ):
        for file in scripts:
            advance(file.command)
            script = Script.of(file.load())
            results.append(run_script(script, database, loop=arguments.loop))
    document: dict[str, Any] = json.loads(json.dumps(result.document(results)))
    return document


def _write_page(
    arguments: argparse.Namespace, results: "Results", panels: "Sequence[Panel]"
) -> None:
    from orm_async_tests.html_report import catalogue_files, page
    from orm_async_tests.questions import read_questions

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
    """Write a page about the changes between two files, and print how many results got worse."""
    from orm_async_tests.html_report import page
    from orm_async_tests.html_report.changes import WORSE, list_changes
    from orm_async_tests.html_report.result_files import read_results

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


def _print_problems(*parts: "Results") -> None:
    from orm_async_tests.harness.report.phrasing import pluralize

    problems: Sequence[str] = [text for part in parts for text in part.problems]
    if problems:
        count = pluralize(len(problems), "problem")
        print(f"{count}, which the page shows, for example:", file=sys.stderr)
        print(f"  {problems[0]}", file=sys.stderr)


def _command() -> str:
    return shlex.join(["orm-async-tests", *sys.argv[1:]])
