"""orm-async-tests bench: SQLAlchemy's patterns in multiples of raw asyncpg's rate."""

import argparse
import asyncio
import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from orm_async_tests import db
from orm_async_tests.cli import peers
from orm_async_tests.errors import CouldNotRun

if TYPE_CHECKING:
    from orm_async_tests.bench.measure import Figure
    from orm_async_tests.bench.workload import Workload

ROUNDS = 7
LIBRARIES = ("sqlalchemy", "asyncpg", "greenlet")
COLUMNS = "ratio  between       verdict  statements round trips peak MiB     ms"
HEAD = f"{'':35} {COLUMNS}"


def add(commands: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = commands.add_parser("bench", help="patterns against raw asyncpg, as ratios")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of workloads (default: all)")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--write", type=int, default=10_000, metavar="ROWS", help="to be written")
    parser.add_argument("--read", type=int, default=100_000, metavar="ROWS", help="to be read")
    parser.add_argument("--gets", type=int, default=200, metavar="N", help="by key, in a turn")
    parser.add_argument("--db", dest="db_", metavar="URL", help="embedded, compose, or a URL")
    parser.add_argument("--json", action="store_true", dest="as_json", help="the figures as JSON")
    peers.add_options(parser)
    parser.set_defaults(run=bench)


def workloads() -> "dict[str, Workload]":
    """Each workload by its name."""
    from orm_async_tests.bench import reading, writing

    return {
        "insert": writing.INSERTS,
        "update": writing.UPDATES,
        "upsert": writing.UPSERTS,
        "rows": reading.ROWS,
        "stream": reading.STREAM,
        "get": reading.GET,
        "tasks": reading.GET_AT_ONCE,
        "walk": reading.WALKS,
    }


def bench(arguments: argparse.Namespace) -> int:
    """Measure on a database of its own; no figure is a failure."""
    known = workloads()
    if unknown := [name for name in arguments.names if name not in known]:
        raise CouldNotRun(f"{unknown[0]!r} is not a workload", "bench", " ".join(known))
    if arguments.rounds < 1:
        raise CouldNotRun("at least one round is needed", "--rounds", f"--rounds {ROUNDS}")
    if arguments.peers is not None:
        return peers.compare(arguments, arguments.names or list(known))
    if arguments.scaling or arguments.code or arguments.svg:
        what = "--scaling, --code and --svg are about the comparison with other ORMs"
        raise CouldNotRun(what, "bench", "orm-async-tests bench --peers, with them")
    chosen = {name: known[name] for name in arguments.names or known}
    with db.open_database(arguments.db_, "asyncpg") as database:
        found = asyncio.run(_measured(database, arguments, chosen))
        stack = {"server": database.label, "python": platform.python_version()}
    stack |= {name: version(name) for name in LIBRARIES}
    if arguments.as_json:
        print(json.dumps(_document(stack, found), indent=2))
        return 0
    print(", ".join(f"{name} {value}" for name, value in stack.items()))
    for name, figures in found.items():
        _show(known[name], figures)
    return 0


async def _measured(
    database: db.Database, arguments: argparse.Namespace, chosen: "dict[str, Workload]"
) -> "dict[str, list[Figure]]":
    from orm_async_tests.bench.measure import measured
    from orm_async_tests.bench.world import Sizes, database_made, world_on
    from orm_async_tests.harness.wire import watched

    sizes = Sizes(arguments.write, arguments.read, arguments.gets)
    async with database_made(database, sizes) as url:
        with watched(url) as wire:
            if wire is None:
                raise CouldNotRun("round trips cannot be counted", database.label, "--db embedded")
            async with world_on(url, sizes) as world:
                return {
                    name: await measured(world, wire, workload, arguments.rounds)
                    for name, workload in chosen.items()
                }


def _document(stack: dict[str, str], found: "dict[str, list[Figure]]") -> dict[str, Any]:
    rows = {name: [asdict(each) for each in figures] for name, figures in found.items()}
    return {"stack": stack, "workloads": rows}


def _show(workload: "Workload", figures: "list[Figure]") -> None:
    print(f"\n{workload.title}: multiples of the rate of {workload.base}\n{HEAD}")
    for each in figures:
        counts = f"{each.statements:10} {each.round_trips:11} {each.peak:8.1f}"
        between = f"{each.low:.2f} to {each.high:.2f}"
        judged = f"{each.ratio:5.2f}  {between:13} {each.verdict:8}"
        print(f"{each.way:35} {judged} {counts} {each.milliseconds:6.0f}")
