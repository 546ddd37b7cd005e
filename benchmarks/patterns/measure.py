"""Measures the speed of SQLAlchemy relative to asyncpg without an ORM."""

import argparse
import asyncio
import gc
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.generate import replace_section

from benchmarks.patterns.bench_database import created_database
from benchmarks.patterns.comparison import PatternResult, Ratio, WorkloadResult, measure_workload
from benchmarks.patterns.contenders import CONTENDERS, versions_of
from benchmarks.patterns.work import GETS, READ, WORKLOADS, WRITE, Work
from orm_async_tests import db
from orm_async_tests.command_options import CommandParser
from orm_async_tests.errors import CouldNotRun, convert_os_errors
from orm_async_tests.harness.wire.wire import open_wire
from orm_async_tests.output_files import require_writable
from orm_async_tests.terminal import render_markdown

ROUNDS = 7
OPTIONS = f"""
    [WORKLOAD...]   {", ".join(WORKLOADS)} (without a workload: all)
    --rounds COUNT  run this many rounds (default: {ROUNDS})
    --write COUNT   let a pattern write this many rows in every turn (default: {WRITE})
    --read COUNT    let a pattern read this many rows by one query in every turn (default: {READ})
    --gets COUNT    let a pattern read this many rows one by one in every turn (default: {GETS})
    --db URL        use this database: embedded, compose, or a URL
    --json          print the measurements as JSON
    --into FILE     write the tables of measurements into this page, for example docs/bench.md
"""
HEAD = ("Pattern", "Mark", "Ratio", "Interval", "Comparison", "CPU", "Round trips", "ms")


@dataclass(frozen=True)
class Report:
    """The measurements of all workloads, and the environment in which they ran."""

    date: str
    machine: str
    load: list[float]  # the load averages of one minute, at the beginning and at the end
    server: str
    versions: dict[str, dict[str, str]]  # by contender and library
    workloads: list[WorkloadResult]


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(OPTIONS, prog="orm-async-tests bench", description=__doc__)
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.workloads if name not in WORKLOADS]:
        problem = f"{unknown[0]!r} is not a workload"
        raise CouldNotRun(problem, "orm-async-tests bench", " ".join(WORKLOADS))
    if options.gets > options.read:
        problem = f"only {options.read} rows exist, because --read sets the number of rows"
        raise CouldNotRun(problem, "--gets", f"--read {options.gets}")
    if options.into:  # refuse a page that cannot take figures before minutes of measurements
        require_writable(options.into, "--into")
        with convert_os_errors("the page cannot be read", options.into, "--into docs/bench.md"):
            replace_section(options.into, "figures", ())
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure on a new database, print a report, and return the exit code 0."""
    options = parse_arguments(arguments)
    work = Work(options.write, options.read, options.gets)
    with db.open_database(options.db, "asyncpg") as database:
        names = options.workloads or list(WORKLOADS)
        report = asyncio.run(measure(database, names, work, options.rounds))
    if options.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        print("\n".join(render_report(report)))
    if options.into:
        write_page(options.into, report)
    return 0


async def measure(server: db.Database, names: Sequence[str], work: Work, rounds: int) -> Report:
    load, results = os.getloadavg()[0], []
    async with created_database(server, work) as database:
        with open_wire(database.url) as wire, ExitStack() as stack:
            if wire is None:
                problem = "the benchmark cannot count the round trips to this database"
                raise CouldNotRun(problem, str(database.url), "--db embedded")
            gc.freeze()  # full collections would visit other libraries' objects
            stack.callback(gc.unfreeze)
            for name in names:
                print(f"bench: {name}", file=sys.stderr)
                results.append(await measure_workload(database, wire, name, work, rounds))
    return Report(
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}",
        load=[round(one, 1) for one in (load, os.getloadavg()[0])],
        server=server.label,
        versions={contender: versions_of(contender) for contender in CONTENDERS},
        workloads=results,
    )


def render_report(report: Report) -> Iterator[str]:
    load = " to ".join(map(str, report.load))
    server = report.server.removesuffix(", warm")
    measured = f"The benchmark ran on {report.date} with {report.machine}."
    yield f"{measured} The server was {server}. The machine's load average was {load}."
    yield "A ratio of 0.5 means half the speed of the first pattern in its table."
    yield ""
    for contender, versions in report.versions.items():
        libraries = ", ".join(" ".join(pair) for pair in versions.items())
        yield f"- The benchmark's module `{contender}` used {libraries}."
    for workload in report.workloads:
        base, control = workload.patterns[0], workload.control
        sizes = ", ".join(f"`--{name} {size}`" for name, size in workload.sizes.items())
        yield from ("", f"### {workload.title}", "")
        yield (
            f"As a control, the benchmark ran the same {base.contender} code with two equal pools: "
            f"the ratio of the two speeds was {control.median:.2f} "
            f"(confidence interval {_interval(control)})."
        )
        yield f"The benchmark ran {workload.rounds} rounds with the options {sizes}."
        yield ""
        yield from render_markdown([HEAD, *map(_cells, workload.patterns)])


def _cells(result: PatternResult) -> list[str]:
    return [
        f"{result.contender}: {result.label}",
        result.mark,
        f"{result.ratio.median:.2f}",
        _interval(result.ratio),
        result.verdict,
        f"{result.cpu:.2f}",
        str(result.round_trips),
        f"{statistics.median(result.milliseconds):.1f}",
    ]


def _interval(ratio: Ratio) -> str:
    return f"{ratio.low:.2f} to {ratio.high:.2f}"


def write_page(page: Path, report: Report) -> None:
    page.write_text(replace_section(page, "figures", render_report(report)), "utf-8")
