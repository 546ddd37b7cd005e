"""The subcommands `orm-async-tests matrix`, `merge` and `diff`, which run the scripts with many
versions and servers, and process the results.
"""

import argparse
import asyncio
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orm_async_tests import catalogue, github, terminal
from orm_async_tests.cli import add_command
from orm_async_tests.command_options import DEFAULT_LOOP, POOLER_MODES, SQLITE, UVLOOP
from orm_async_tests.drivers import DRIVERS
from orm_async_tests.errors import CouldNotRun, require_writable, write_file

if TYPE_CHECKING:
    from orm_async_tests.matrix.plans import Plan
    from orm_async_tests.matrix.records import Record

AXES = {  # fields of a plan
    "python": "a minor version, for example 3.12",
    "sqlalchemy": "a release, for example 2.1.4, or the newest of a line, for example 2.0",
    "asyncpg": "a release, for example 0.31.0",
    "psycopg": "a release, for example 3.2.3",
    "aiosqlite": "a release, for example 0.21.0",
    "driver": " or ".join((*DRIVERS, SQLITE)),
    "loop": f"{DEFAULT_LOOP} or {UVLOOP}",
    "pooler": " or ".join(POOLER_MODES),
    "server": "a folder with PostgreSQL's programs, system, or a URL",
}
PYTHONS = ("3.11", "3.12", "3.13")
OUTPUT = "matrix.ndjson"


def add(commands: Any) -> None:
    """Add the subcommands to argparse's subparsers."""
    _add_matrix(commands)
    merges = add_command(commands, "merge", "merge the results of several shards of a matrix")
    merges.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a file with the results of a matrix"
    )
    output = "the file to write"
    merges.add_argument("--output", type=Path, required=True, metavar="FILE", help=output)
    _add_formats(merges)
    merges.set_defaults(run=merge)

    compares = add_command(commands, "diff", "show what changed between two runs of a matrix")
    compares.add_argument("before", type=Path, help="the file with the results of the earlier run")
    compares.add_argument("after", type=Path, help="the file with the results of the later run")
    compares.set_defaults(run=diff)


def _add_matrix(commands: Any) -> None:
    parser = add_command(commands, "matrix", "run scripts on many stacks")
    numbers = "numbers or ranges of scripts, for example 1 or 5-7 (default: all)"
    parser.add_argument("numbers", nargs="*", metavar="NUMBER", help=numbers)
    preset = "quick, standard or full (default: quick)"
    parser.add_argument("--preset", default="quick", metavar="NAME", help=preset)
    axes = parser.add_argument_group(
        "axes", "Use these options to run all combinations of their values instead of a preset."
    )
    for name, values in AXES.items():
        help_ = f"{values} (repeatable)"
        axes.add_argument(f"--{name}", action="append", default=[], metavar="VALUE", help=help_)
    shard = "run only this part of the stacks"
    parser.add_argument("--shard", metavar="1/3", help=shard)
    jobs = "stacks at a time (default: the number of processors)"
    parser.add_argument("--jobs", type=positive_integer, default=os.cpu_count(), help=jobs)
    timeout = "seconds per script (default: 60)"
    parser.add_argument("--timeout", type=seconds, default=60.0, help=timeout)
    output = f"the file to write (default: {OUTPUT})"
    parser.add_argument("--output", type=Path, default=Path(OUTPUT), metavar="FILE", help=output)
    parser.add_argument("--list", action="store_true", help="print the stacks, but run no script")
    _add_formats(parser)
    github.add_option(parser)
    parser.set_defaults(run=matrix)


def _add_formats(parser: argparse.ArgumentParser) -> None:
    markdown = "also write the tables as Markdown"
    parser.add_argument("--markdown", type=Path, metavar="FILE", help=markdown)
    junit = "also write the results as JUnit's XML, for a CI server"
    parser.add_argument("--junit", type=Path, metavar="FILE", help=junit)


def seconds(text: str) -> float:
    """Convert text to a number of seconds. Raise ValueError unless the number is positive and
    finite.
    """
    if not 0 < float(text) < math.inf:
        raise ValueError(text)
    return float(text)


def positive_integer(text: str) -> int:
    """Convert text to a whole number. Raise ValueError if the number is below 1."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def matrix(arguments: argparse.Namespace) -> int:
    """Run the scripts on every stack, write each result to the file, and print the tables."""
    from orm_async_tests.matrix import records
    from orm_async_tests.matrix.stack_runs import Slot, run_matrix
    from orm_async_tests.postgres.paths import home

    plans = _choose_plans(arguments)
    if arguments.list:
        print("\n".join(plan.name for plan in plans))
        return 0
    numbers = [script.number for script in catalogue.select(arguments.numbers)]
    _check_outputs(arguments)
    if arguments.github:
        github.require_summary()
    collected = [records.header(plans, numbers, not arguments.numbers, sys.argv[1:])]
    with _open_output(arguments.output, len(plans) * len(numbers)) as write_record:
        write_record(collected[0])

        def keep(record: "Record") -> None:
            collected.append(record)
            write_record(record)

        folders = [home() / f"matrix-{number}" for number in range(arguments.jobs)]
        slots = [Slot(folder, arguments.timeout) for folder in folders]
        asyncio.run(run_matrix(plans, numbers, slots, home(), keep))
        keep(records.footer(sum(record["record"] == "result" for record in collected)))
    code = _report(collected, arguments)
    if arguments.github:
        github.write(*_describe_for_github(collected))
    return code


def _describe_for_github(collected: list["Record"]) -> tuple[list[github.Annotation], str]:
    """Return an annotation for every unexpected result, and the tables in Markdown."""
    from orm_async_tests.matrix import records, summaries
    from orm_async_tests.matrix.expected_differences import find_unexpected

    annotations, rows = [], [("Verdict", "Script", "Stack", "Reason")]
    for record, reason in find_unexpected(collected):
        word, command, stack = record["verdict"], f"test{record['number']}", record["stack"]
        title = f"{word} {command} on {stack}"
        annotations.append(github.Annotation("error", title, reason))
        rows.append((word, command, stack, reason))
    if not records.is_complete(collected):
        problem = "the run did not come to its end"
        annotations.append(github.Annotation("error", "partial results", problem))
    summary = github.render_summary("Verdicts by stack", summaries.count_verdicts(collected))
    if len(rows) > 1:
        summary += github.render_summary("Unexpected results", rows)
    return annotations, summary


def _choose_plans(arguments: argparse.Namespace) -> Sequence["Plan"]:
    from orm_async_tests.matrix import plans

    axes = {name: getattr(arguments, name) for name in AXES}
    presets = {"quick": plans.QUICK, "standard": plans.STANDARD, "full": plans.full_preset(PYTHONS)}
    if arguments.preset not in presets:
        problem = f"there is no preset {arguments.preset!r}"
        raise CouldNotRun(problem, "--preset", f"--preset {' or --preset '.join(presets)}")
    chosen = plans.combine(axes) if any(axes.values()) else presets[arguments.preset]
    return plans.take_shard(chosen, arguments.shard) if arguments.shard else chosen


def _check_outputs(arguments: argparse.Namespace) -> None:
    for name in ("output", "markdown", "junit"):
        if path := getattr(arguments, name):
            require_writable(path, f"--{name}")


@contextmanager
def _open_output(path: Path, total: int) -> Iterator[Callable[["Record"], None]]:
    """Yield a function that writes a line to the result file. On a terminal, the yielded function
    also shows progress.
    """
    label = "results"
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        problem = f"the file cannot be written: {error.strerror}"
        raise CouldNotRun(problem, str(path), "--output FILE") from None
    with file, terminal.show_progress(label, total) as (_, advance):

        def write_record(record: "Record") -> None:
            file.write(json.dumps(record) + "\n")
            file.flush()
            if record["record"] == "result":
                advance(label)

        yield write_record


def merge(arguments: argparse.Namespace) -> int:
    """Merge several result files into one file, and print the tables of the merged results."""
    from orm_async_tests.matrix import records

    merged = records.merge([records.read(path) for path in arguments.files])
    _check_outputs(arguments)
    text = "".join(json.dumps(record) + "\n" for record in merged)
    write_file(arguments.output, text, "--output")
    return _report(merged, arguments)


def _report(collected: list["Record"], arguments: argparse.Namespace) -> int:
    """Print the tables, and write the other output formats. Return 1 if a result is unexpected."""
    from orm_async_tests.matrix import records, summaries
    from orm_async_tests.matrix.expected_differences import find_unexpected, group_by_reason

    counts = list(summaries.count_verdicts(collected))
    differing = list(summaries.list_differing_scripts(collected))
    terminal.print_styled(terminal.render_table(counts))
    if len(differing) > 1:
        print()
        for number, name in enumerate(collected[0]["stacks"], 1):
            print(f"{number}: {name}")
        terminal.print_styled(terminal.render_table(differing))
    if arguments.markdown:
        lines = [*terminal.render_markdown(counts), "", *terminal.render_markdown(differing), ""]
        write_file(arguments.markdown, "\n".join(lines), "--markdown")
    if arguments.junit:
        write_file(arguments.junit, summaries.to_junit(collected), "--junit")
    for why, numbers in group_by_reason(collected).items():
        print(f"\nexpected: {why}\n  {', '.join(f'test{number}' for number in numbers)}")
    unexpected = list(find_unexpected(collected))
    for record, why in unexpected:
        print(f"\n{record['verdict']} test{record['number']} on {record['stack']}\n  {why}")
    is_partial = not records.is_complete(collected)
    if is_partial:
        print("\nThese results are partial: the run was interrupted.")
    return int(bool(unexpected) or is_partial)


def diff(arguments: argparse.Namespace) -> int:
    """Print what changed between two runs. Return 1 if the newer run has a regression."""
    from orm_async_tests.matrix import records, summaries

    before, after = records.read(arguments.before), records.read(arguments.after)
    changes = summaries.compare_verdicts(before, after)
    for change in changes:
        words = " -> ".join(word or "absent" for word in (change.before, change.after))
        print(f"{change.kind:10}  test{change.number:<3}  {words}  ({change.stack})")
    stacks: dict[str, list[str]] = {}
    for stack, name, old, new in summaries.compare_identities(before, after):
        stacks.setdefault(f"{name}  {old or 'none'} -> {new or 'none'}", []).append(stack)
    for field, names in stacks.items():
        print(f"stack       {field}  ({'; '.join(names)})")
    for path, run in ((arguments.before, before), (arguments.after, after)):
        if not records.is_complete(run):
            print(f"{path} is partial: its run did not come to its end")
    print(f"{len(changes)} differences")
    return int(any(change.kind == "regression" for change in changes))
