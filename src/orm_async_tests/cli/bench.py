"""orm-async-tests bench: patterns in multiples of raw asyncpg's rate, with other ORMs too."""

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from orm_async_tests import db
from orm_async_tests.charts import new_figure
from orm_async_tests.errors import CouldNotRun

ROUNDS = 7
SECONDS = 60.0


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = commands.add_parser("bench", help="patterns against raw asyncpg, as ratios")
    option = parser.add_argument
    option("names", nargs="*", metavar="NAME", help="of workloads (default: all)")
    option("--peers", nargs="*", metavar="NAME", help="other ORMs too: these, or all")
    option("--scaling", action="store_true", help="other sizes, slower networks, and memory too")
    option("--code", action="store_true", help="each pattern's code and statements")
    option("--rounds", type=int, default=ROUNDS)
    what = "of a workload: then no sixth or later round begins"
    option("--seconds", type=float, default=SECONDS, metavar="S", help=what)
    option("--write", type=int, default=10_000, metavar="ROWS", help="to be written")
    option("--read", type=int, default=100_000, metavar="ROWS", help="to be read")
    option("--gets", type=int, default=1000, metavar="N", help="by key, in a turn")
    option("--db", dest="db_", metavar="URL", help="embedded, compose, or a URL")
    option("--json", action="store_true", dest="as_json", help="the figures as JSON")
    option("--svg", type=Path, metavar="FOLDER", help="draw charts there")
    parser.set_defaults(run=bench)


def bench(arguments: argparse.Namespace) -> int:
    """Measure on a database of its own; no figure is a failure."""
    from orm_async_tests.bench.contenders.given import WORKLOADS
    from orm_async_tests.bench.peers import Wish, chosen, compared
    from orm_async_tests.bench.rounds import How
    from orm_async_tests.bench.world import Sizes
    from orm_async_tests.postgres.paths import home

    if unknown := [name for name in arguments.names if name not in WORKLOADS]:
        raise CouldNotRun(f"{unknown[0]!r} is not a workload", "bench", " ".join(WORKLOADS))
    if arguments.rounds < 1:
        raise CouldNotRun("at least one round is needed", "--rounds", f"--rounds {ROUNDS}")
    chosen(arguments.peers)  # an unknown name is refused before anything is started
    if arguments.svg:
        new_figure(1, 1)  # and so are charts without matplotlib
    sizes = Sizes(arguments.write, arguments.read, arguments.gets)
    how = How(arguments.rounds, arguments.seconds)
    names = arguments.names or WORKLOADS
    wish = Wish(home(), arguments.peers, names, sizes, how, arguments.scaling)
    with db.open_database(arguments.db_, "asyncpg") as database:
        found: dict[str, Any] = asyncio.run(compared(database, wish))
    if arguments.svg:
        _draw(found, arguments.svg)
    _show(found, arguments)
    return 0


def _show(found: dict[str, Any], arguments: argparse.Namespace) -> None:
    from orm_async_tests.bench.shown import text

    if arguments.as_json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(text(found, found["code"] if arguments.code else {})))


def _draw(found: dict[str, Any], folder: Path) -> None:
    from orm_async_tests.bench.drawn import charts

    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in charts(found):
        (folder / f"{name}.svg").write_text(svg, "utf-8")
