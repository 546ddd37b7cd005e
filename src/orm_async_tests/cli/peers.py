"""orm-async-tests bench --peers: the other ORMs, and psycopg, beside SQLAlchemy's patterns."""

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orm_async_tests import db
from orm_async_tests.charts import new_figure

SECONDS = 60.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the comparison with peers takes beside the bench's own options."""
    peers = parser.add_argument_group("with other ORMs, in environments of their own")
    peers.add_argument("--peers", nargs="*", metavar="NAME", help="compare with these, or with all")
    peers.add_argument(
        "--scaling", action="store_true", help="other sizes, slower networks, and memory too"
    )
    peers.add_argument("--svg", type=Path, metavar="FOLDER", help="draw charts there")
    peers.add_argument("--code", action="store_true", help="each pattern's code and statements")
    peers.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        metavar="S",
        help="of a workload: then no sixth or later round begins",
    )


def compare(arguments: argparse.Namespace, workloads: Sequence[str]) -> int:
    """Compare with the peers that are named, or all of them."""
    from orm_async_tests.bench.peers import Wish, chosen, compared
    from orm_async_tests.bench.rounds import How
    from orm_async_tests.bench.shown import text
    from orm_async_tests.bench.world import Sizes
    from orm_async_tests.postgres.paths import home

    sizes = Sizes(arguments.write, arguments.read, arguments.gets)
    how = How(arguments.rounds, arguments.seconds)
    wish = Wish(home(), arguments.peers, workloads, sizes, how, arguments.scaling)
    chosen(wish.peers)  # an unknown name is refused before anything is started
    if arguments.svg:
        new_figure(1, 1)  # and so are charts without matplotlib
    with db.open_database(arguments.db_, "asyncpg") as database:
        found: dict[str, Any] = asyncio.run(compared(database, wish))
    if arguments.svg:
        draw(found, arguments.svg)
    if arguments.as_json:
        print(json.dumps(found, indent=2))
        return 0
    code = found["code"] if arguments.code else {}
    print("\n".join(text(found, code)))
    return 0


def draw(found: dict[str, Any], folder: Path) -> None:
    """Write the charts into a folder; CouldNotRun without matplotlib."""
    from orm_async_tests.bench.drawn import charts

    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in charts(found):
        (folder / f"{name}.svg").write_text(svg, "utf-8")
