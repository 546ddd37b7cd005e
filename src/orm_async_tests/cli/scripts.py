"""orm-async-tests list, run, explain."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orm_async_tests import catalogue
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.stack_options import add_stack

if TYPE_CHECKING:
    from orm_async_tests.db import Database
    from orm_async_tests.harness.report.result import Result

Progress = Callable[[str], None]
VERBOSE = "what each variant sent and what the verdict rests on; -vv: in full"


def add(commands: Any) -> None:
    """Add the subcommands to argparse's subparsers."""
    chapter = ("--chapter", "--topic")
    lists = commands.add_parser("list", help="the scripts, by chapter")
    lists.add_argument(*chapter, metavar="NAME", help=", ".join(catalogue.CHAPTERS))
    lists.add_argument("--since", metavar="2.1", help="those about what is new in that SQLAlchemy")
    path = "the scripts to read first, in the order in which one learns"
    lists.add_argument("--path", action="store_true", help=path)
    lists.set_defaults(run=list_)

    runs = commands.add_parser("run", help="run scripts: run 1 5-7, --chapter loading, --all")
    runs.add_argument("numbers", nargs="*", metavar="NUMBER", help="such as 1 or 5-7")
    runs.add_argument(*chapter, metavar="NAME", help="the scripts of one chapter")
    runs.add_argument("--all", action="store_true", help="every script")
    older = "on an older SQLAlchemy too than a script is about"
    runs.add_argument("--anyway", action="store_true", help=older)
    runs.add_argument("--json", action="store_true", dest="as_json", help="the results as JSON")
    stream = "a line of JSON for each result, as soon as it is there"
    runs.add_argument("--ndjson", action="store_true", help=stream)
    runs.add_argument("-v", "--verbose", action="count", default=0, help=VERBOSE)
    required = "such as pgbouncer: exit with 2 if it is missing, in place of skipping scripts"
    runs.add_argument("--require", metavar="NEED[,NEED]", help=required)
    add_stack(runs)
    runs.set_defaults(run=run)

    explains = commands.add_parser("explain", help="a script's prose and code")
    explains.add_argument("number", metavar="NUMBER")
    explains.set_defaults(run=explain)


def list_(arguments: argparse.Namespace) -> int:
    """Print the scripts of each chapter, or the learning path."""
    if arguments.path:
        print_path()
        return 0
    entries = catalogue.select([], arguments.chapter)
    if arguments.since:
        entries = [entry for entry in entries if _is_new(entry, arguments.since)]
    for chapter in catalogue.group_by_chapter(entries):
        print(f"{chapter.title} ({chapter.name})")
        for entry in chapter.scripts:
            print(f"  {entry.command:>7}  {entry.claim}")
    return 0


def print_path() -> None:
    """Print each script of the learning path with its lesson."""
    for position, (script, lesson) in enumerate(catalogue.learning_path(), start=1):
        print(f"{position:2}. {script.command:>7}  {script.claim}\n{'':13}{lesson}")


def _is_new(entry: catalogue.ScriptFile, version: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        newest = (entry.since or "0").rpartition(" or ")[2].lstrip(">=")
        return Version(newest) >= Version(version)
    except InvalidVersion:
        raise CouldNotRun(f"{version!r} is not a version", "--since", "such as 2.1") from None


def run(arguments: argparse.Namespace) -> int:
    """Run the chosen scripts on one database and print their verdicts, or JSON."""
    from orm_async_tests.harness.environment import sqlite
    from orm_async_tests.harness.environment.requirements import VARIABLE, require
    from orm_async_tests.harness.report import result

    if not (arguments.numbers or arguments.chapter or arguments.all):
        raise CouldNotRun("no script is named", "the command line", "orm-async-tests run --all")
    if arguments.require is not None:
        require(arguments.require, "--require")
    else:
        require(os.environ.get(VARIABLE, ""), VARIABLE)
    entries = catalogue.select(arguments.numbers, arguments.chapter)
    results = []
    with sqlite.open_database(arguments.db_, arguments.driver, arguments.pooler) as database:
        print(f"db: {database.label}, {database.driver}", file=sys.stderr)
        for done in _results(entries, database, arguments.loop, arguments.anyway):
            results.append(done)
            if arguments.ndjson:
                print(json.dumps(result.document([done])), flush=True)
            elif not arguments.as_json:
                _show(done, arguments.verbose)
    if arguments.as_json:
        print(json.dumps(result.document(results), indent=2))
    elif not arguments.ndjson:
        _summarize(results)
    return result.exit_code(results)


def _show(done: "Result", verbose: int) -> None:
    from orm_async_tests.harness.report import render
    from orm_async_tests.verdicts import BROKEN

    lines = render.render_line(done)
    if verbose or done.verdict.word == BROKEN:
        lines = render.render_full(done, render.detect_width(), verbose > 1)
    render.print_styled(lines)


def _summarize(results: Sequence["Result"]) -> None:
    from orm_async_tests.harness.report import render
    from orm_async_tests.harness.run.anomalies import table

    render.print_styled(render.render_table(list(table(done.observations for done in results))))
    render.print_styled(render.render_summary(results))


def _results(
    entries: Sequence[catalogue.ScriptFile], database: "Database", loop: str, anyway: bool
) -> Iterator["Result"]:
    """The results of these scripts, each when it has run."""
    from orm_async_tests.harness.run.runner import run_script
    from orm_async_tests.harness.script import Script

    with _progress(len(entries)) as tell:
        for entry in entries:
            tell(entry.command)
            script = Script.of(entry.load())
            yield run_script(replace(script, since="") if anyway else script, database, loop=loop)


@contextmanager
def _progress(total: int) -> Iterator[Progress]:
    """Says on the terminal which script runs, where the verdicts themselves go to a file."""
    if sys.stdout.isatty() or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)

        def tell(command: str) -> None:
            bar.update(task, description=command)
            bar.advance(task)

        yield tell


def explain(arguments: argparse.Namespace) -> int:
    """Print a script's prose and its code, highlighted on a terminal."""
    (entry,) = catalogue.select([arguments.number])[:1]
    source = entry.path.read_text("utf-8").partition('"""\n\n')[2]
    print(f"{entry.command}: {entry.claim}\n\n{entry.why}\n\n" + "\n".join(entry.docs) + "\n")
    if not sys.stdout.isatty():
        print(source)
        return 0
    from rich.console import Console
    from rich.syntax import Syntax

    Console().print(Syntax(source, "python"))
    return 0
