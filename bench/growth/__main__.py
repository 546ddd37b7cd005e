"""What grows with points and with clients, and what partitions and a standby change.

What is compared takes turns in each round; printed are the medians as the tables of docs/scale.md:
ratios, and in brackets what was measured. python bench/growth points clients partitions reads
"""

import argparse
import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path

from clients import clients
from measure import Tables
from partitions import partitions
from points import points
from standby import reads

from orm_async_tests import db

Part = Callable[[db.Database, argparse.Namespace], Tables]


async def measured(server: db.Database, parts: list[Part], given: argparse.Namespace) -> None:
    """Print the tables, and write them below their names in the document."""
    for part in parts:
        async for name, (head, *rows) in part(server, given):
            lines = [" | ".join(row) for row in (head, ["---"] * len(head), *rows)]
            table = "".join(f"| {line} |\n" for line in lines)
            print(f"\n{name}\n\n{table}", end="", flush=True)
            if given.into:
                old, new = rf"(<!-- {name} -->\n)(\|.*\n)*", rf"\g<1>{table}"
                given.into.write_text(re.sub(old, new, given.into.read_text("utf-8")), "utf-8")


def main() -> int:
    """Measure on the embedded server, in databases of its own."""
    parts = {"points": points, "clients": clients, "partitions": partitions, "reads": reads}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=["all", *parts], default="all")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--points", type=int, default=200_000, help="of partitions and reads")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a crowd, and of reading")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=8765, help="and the next one")
    parser.add_argument("--into", type=Path, help="a document that has the tables")
    given = parser.parse_args()
    with db.open_database("embedded", "asyncpg") as server:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        print(f"{os.cpu_count()} CPUs, {memory:.0f} GiB, {server.label}; {given.rounds} rounds")
        these = parts if "all" in given.parts else given.parts
        asyncio.run(measured(server, [parts[name] for name in these], given))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
