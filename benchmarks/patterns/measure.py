"""Patterns of SQLAlchemy in multiples of raw asyncpg's rate, each within one run."""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.patterns.bench_database import Sizes, created_database
from benchmarks.patterns.comparison import (
    Conditions,
    WorkloadResult,
    contenders_at_work,
    current_conditions,
    current_load,
)
from benchmarks.patterns.contenders.work import WORKLOADS
from benchmarks.patterns.ratio_tables import render_markdown
from benchmarks.patterns.rounds import RoundLimits
from benchmarks.patterns.workers import CONTENDERS, Contender
from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres.paths import home

ROUNDS = 7
SECONDS = 60.0
Report = tuple[Conditions, list[WorkloadResult]]


def parser() -> argparse.ArgumentParser:
    """Return the parser of `orm-async-tests bench`."""
    parser = argparse.ArgumentParser(prog="orm-async-tests bench", description=__doc__)
    option = parser.add_argument
    names = ", ".join(WORKLOADS)
    option("workloads", nargs="*", metavar="WORKLOAD", help=f"{names} (default: all)")
    option("--peers", action="store_true", help="add Tortoise, which pip installs once")
    option("--rounds", type=int, default=ROUNDS, metavar="N", help="at most (default: %(default)s)")
    seconds = "begin no sixth or later round of a workload after S seconds (default: %(default)s)"
    option("--seconds", type=float, default=SECONDS, metavar="S", help=seconds)
    option("--write", type=int, default=10_000, metavar="N", help="rows that a turn writes")
    option("--read", type=int, default=100_000, metavar="N", help="rows that a turn reads at once")
    option("--gets", type=int, default=1000, metavar="N", help="rows that a turn reads one by one")
    option("--db", metavar="URL", help="embedded, compose, or a URL")
    option("--json", action="store_true", help="print the figures as JSON")
    option("--into", type=Path, metavar="PAGE", help="write the tables into docs/bench.md")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure on a database of its own and print a report. No figure is a failure."""
    options = parser().parse_args(arguments)
    if unknown := [name for name in options.workloads if name not in WORKLOADS]:
        what = f"{unknown[0]!r} is not a workload"
        raise CouldNotRun(what, "orm-async-tests bench", " ".join(WORKLOADS))
    if options.rounds < 1:
        raise CouldNotRun("at least one round is needed", "--rounds", f"--rounds {ROUNDS}")
    sizes = Sizes(options.write, options.read, options.gets)
    limits = RoundLimits(options.rounds, options.seconds)
    names = options.workloads or WORKLOADS
    contenders = choose_contenders(peers=options.peers)
    with db.open_database(options.db, "asyncpg") as database:
        conditions, workloads = asyncio.run(
            measure(database, home(), contenders, names, sizes, limits)
        )
    if options.json:
        report = {
            "conditions": asdict(conditions),
            "workloads": [asdict(workload) for workload in workloads],
        }
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(render_markdown(conditions, workloads)))
    if options.into:
        write_page(options.into, conditions, workloads)
    return 0


def choose_contenders(*, peers: bool) -> list[Contender]:
    """Return asyncpg and SQLAlchemy, and with peers the contenders that pip has to install."""
    return [contender for contender in CONTENDERS if peers or not contender.releases]


async def measure(
    database: db.Database,
    home: Path,
    contenders: Sequence[Contender],
    names: Sequence[str],
    sizes: Sizes,
    limits: RoundLimits,
) -> Report:
    """Measure the named workloads on a new database of the server, which is dropped afterwards."""
    async with (
        created_database(database, sizes) as url,
        contenders_at_work(url, contenders, home) as comparison,
    ):
        conditions = current_conditions(database.label, comparison.workers)
        workloads = []
        for name in names:
            print(f"bench: {name}", file=sys.stderr)
            workloads.append(await comparison.measure(name, vars(sizes), limits))
    conditions.load.append(current_load())
    return conditions, workloads


def write_page(page: Path, conditions: Conditions, workloads: list[WorkloadResult]) -> None:
    """Replace the figures of a page, which stand between its comments `figures` and `/figures`."""
    body = "".join(f"{line}\n" for line in render_markdown(conditions, workloads))
    text, count = re.subn(
        r"(<!-- figures: .*-->\n).*?(<!-- /figures -->)",
        lambda match: f"{match[1]}{body}{match[2]}",
        page.read_text("utf-8"),
        flags=re.DOTALL,
    )
    if not count:
        what = "the page has no comments `figures` and `/figures`"
        raise CouldNotRun(what, str(page), "--into docs/bench.md")
    page.write_text(text, "utf-8")
