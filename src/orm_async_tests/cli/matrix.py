"""orm-async-tests matrix, merge, diff: the same scripts on many stacks, and what differs."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orm_async_tests import catalogue, db
from orm_async_tests.errors import CouldNotRun

if TYPE_CHECKING:
    from orm_async_tests.matrix.plans import Plan
    from orm_async_tests.matrix.records import Record

AXES = {  # fields of a plan
    "python": "such as 3.12",
    "sqlalchemy": "a release, such as 2.1.4, or the newest of a line, such as 2.0",
    "asyncpg": "a release, such as 0.31.0",
    "psycopg": "a release, such as 3.2.3",
    "aiosqlite": "a release, such as 0.21.0",
    "driver": " or ".join((*db.DRIVERS, "aiosqlite")),
    "loop": "asyncio or uvloop",
    "pooler": "session, transaction or transaction-unprepared",
    "server": "a folder with PostgreSQL's programs, or system, or a URL",
}
PYTHONS = ("3.11", "3.12", "3.13")
OUTPUT = "matrix.ndjson"


def add(commands: Any) -> None:
    """Add the subcommands to argparse's subparsers."""
    from orm_async_tests.harness.definitions.options import at_least

    runs = commands.add_parser("matrix", help="run scripts on many stacks")
    runs.add_argument("numbers", nargs="*", metavar="NUMBER", help="such as 1 or 5-7; else all")
    presets = "quick, standard or full; an axis in its place gives the product of the axes"
    runs.add_argument("--preset", default="quick", metavar="NAME", help=presets)
    for name, help_ in AXES.items():
        runs.add_argument(f"--{name}", action="append", default=[], help=f"an axis: {help_}")
    runs.add_argument("--shard", metavar="1/3", help="this part of the stacks alone")
    runs.add_argument("--jobs", type=at_least(1), default=os.cpu_count(), help="stacks at a time")
    runs.add_argument("--timeout", type=seconds, default=60.0, help="seconds for each script")
    runs.add_argument("--output", type=Path, default=Path(OUTPUT), help=f"default {OUTPUT}")
    runs.add_argument("--list", action="store_true", help="print the stacks, and run nothing")
    _add_forms(runs)
    runs.set_defaults(run=matrix)

    merges = commands.add_parser("merge", help="one result of the results of several shards")
    merges.add_argument("files", nargs="+", type=Path, metavar="FILE")
    merges.add_argument("--output", type=Path, required=True)
    _add_forms(merges)
    merges.set_defaults(run=merge)

    compares = commands.add_parser("diff", help="what changed between two results of a matrix")
    compares.add_argument("before", type=Path)
    compares.add_argument("after", type=Path)
    compares.set_defaults(run=diff)


def seconds(text: str) -> float:
    """A duration. Raises ValueError if it is not above 0."""
    if not (found := float(text)) > 0:
        raise ValueError(text)
    return found


def _add_forms(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="the tables as Markdown too")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="and as JUnit's XML")


def matrix(arguments: argparse.Namespace) -> int:
    """Run the stacks, write each result at once, and print the tables."""
    from orm_async_tests.matrix import records
    from orm_async_tests.matrix.matrix import run_matrix
    from orm_async_tests.matrix.runs import Slot
    from orm_async_tests.postgres.paths import home

    plans = _plans(arguments)
    if arguments.list:
        print("\n".join(plan.name for plan in plans))
        return 0
    numbers = [entry.number for entry in catalogue.select(arguments.numbers, None)]
    written = [records.header(plans, numbers, not arguments.numbers, sys.argv[1:])]
    with _writing(arguments.output, len(plans) * len(numbers)) as write:
        write(written[0])

        def keep(record: "Record") -> None:
            written.append(record)
            write(record)

        folders = [home() / f"matrix-{number}" for number in range(arguments.jobs)]
        slots = [Slot(folder, arguments.timeout) for folder in folders]
        asyncio.run(run_matrix(plans, numbers, slots, home(), keep))
        keep(records.footer(sum(each["record"] == "result" for each in written)))
    return _told(written, arguments)


def _plans(arguments: argparse.Namespace) -> Sequence["Plan"]:
    from orm_async_tests.matrix import plans

    axes = {name: getattr(arguments, name) for name in AXES}
    if any(axes.values()):
        found = plans.product_of(axes)
    else:
        presets = {
            "quick": plans.QUICK,
            "standard": plans.STANDARD,
            "full": plans.full(PYTHONS),
        }
        if arguments.preset not in presets:
            what = f"{arguments.preset!r} is not a preset"
            raise CouldNotRun(what, "--preset", f"--preset {' or --preset '.join(presets)}")
        found = presets[arguments.preset]
    return plans.shard(found, arguments.shard) if arguments.shard else found


@contextmanager
def _writing(path: Path, total: int) -> Iterator[Callable[["Record"], None]]:
    """Write records to a file as they come, with a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    console = Console(stderr=True)
    try:
        opened = path.open("w", encoding="utf-8")
    except OSError as error:
        raise CouldNotRun(f"it cannot be written: {error}", str(path), "--output FILE") from None
    with (
        opened as file,
        Progress(
            *Progress.get_default_columns(),
            MofNCompleteColumn(),
            console=console,
            disable=not console.is_terminal,
        ) as bar,
    ):
        task = bar.add_task("results", total=total)

        def write(record: "Record") -> None:
            file.write(json.dumps(record) + "\n")
            file.flush()
            bar.advance(task, record["record"] == "result")

        yield write


def merge(arguments: argparse.Namespace) -> int:
    """Write one file of several, and print its tables."""
    from orm_async_tests.matrix import records

    merged = records.merged([records.read(path) for path in arguments.files])
    with _writing(arguments.output, 0) as write:
        for record in merged:
            write(record)
    return _told(merged, arguments)


def _told(found: list["Record"], arguments: argparse.Namespace) -> int:
    """Print what was found, and write it in the other forms; 1 if something is unexpected."""
    from orm_async_tests.harness.report import render
    from orm_async_tests.matrix import entries, expected, records, tables

    different = list(tables.differing(found))
    render.print_styled(render.render_table(list(tables.counts(found))))
    if len(different) > 1:
        print()
        for number, name in enumerate(found[0]["stacks"], 1):
            print(f"{number}: {name}")
        render.print_styled(render.render_table(different))
    if arguments.markdown:
        both = [tables.markdown(tables.counts(found)), tables.markdown(iter(different))]
        arguments.markdown.write_text("\n".join(both), "utf-8")
    if arguments.junit:
        arguments.junit.write_text(tables.junit(found), "utf-8")
    for why, numbers in expected.explained(found).items():
        print(f"\nexpected: {why}\n  {', '.join(f'test{number}' for number in numbers)}")
    wrong = list(expected.unexpected(found))
    for each, why in wrong:
        print(f"\n{each['verdict']} test{each['number']} on {each['stack']}\n  {why}")
        if entry := entries.entry(each, found):
            print(f"  to write down, when its cause is known:\n{entry}")
    if not records.complete(found):
        print("\nThese results are partial: the run did not come to its end.")
    return int(bool(wrong) or not records.complete(found))


def diff(arguments: argparse.Namespace) -> int:
    """Print what changed; 1 if something got worse."""
    from orm_async_tests.matrix import compare, records

    before, after = records.read(arguments.before), records.read(arguments.after)
    found = compare.changes(before, after)
    for each in found:
        words = " -> ".join(word or "not there" for word in (each.before, each.after))
        print(f"{each.kind:10}  test{each.number:<3}  {words}  ({each.stack})")
    where: dict[str, list[str]] = {}
    for stack, name, old, new in compare.differences(before, after):
        where.setdefault(f"{name}  {old or 'none'} -> {new or 'none'}", []).append(stack)
    for words, stacks in where.items():
        print(f"stack       {words}  ({'; '.join(stacks)})")
    for path, read in ((arguments.before, before), (arguments.after, after)):
        if not records.complete(read):
            print(f"{path} is partial: its run did not come to its end")
    print(f"{len(found)} differences")
    return int(any(each.kind == "regression" for each in found))
