"""How much longer test5 takes than the same work by hand, both on the warm server.

By hand: import SQLAlchemy's asyncio extension and asyncpg, connect once, send test5's statements.
Prints the medians of 9 interleaved pairs and their ratio; the goal is at most 1.4.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from orm_async_tests import db

PAIRS = 9
GOAL = 1.4
BY_HAND = """
import asyncio, json, re, sys
import sqlalchemy.ext.asyncio, asyncpg

async def main(host, user, password, database, statements):
    connection = await asyncpg.connect(host=host, user=user, password=password, database=database)
    for statement in statements:
        parameters = set(re.findall(r"[$][0-9]+", statement))
        await connection.fetch(statement, *[1 for _ in parameters])
    await connection.close()

asyncio.run(main(*json.load(sys.stdin)))
"""


def main() -> int:
    """Measure, print, and exit with 1 if the goal is missed."""
    test5 = [str(Path(sys.executable).with_name("test5")), "--db", "embedded"]
    with db.open_database("embedded") as database:
        url = database.url
        target = [url.query["host"], url.username, url.password, url.database, statements(test5)]
        by_hand = [sys.executable, "-c", BY_HAND]
        pairs = [(seconds(test5), seconds(by_hand, json.dumps(target))) for _ in range(1 + PAIRS)][
            1:
        ]  # the first pair writes the bytecode
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = ours / theirs
    print(f"test5 {ours * 1e3:.0f} ms, by hand {theirs * 1e3:.0f} ms, ratio {ratio:.2f}", end="")
    print(f" (goal {GOAL}; medians of {PAIRS})")
    return int(ratio > GOAL)


def statements(test5: list[str]) -> list[str]:
    """What test5 sends, from its own report."""
    done = subprocess.run([*test5, "--json"], capture_output=True, text=True, check=True)
    [result] = json.loads(done.stdout)["results"]
    return [statement for way in result["ways"] for statement in way["sql"]]


def seconds(command: list[str], told: str = "") -> float:
    """How long the command takes."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    started = time.perf_counter()
    subprocess.run(command, input=told, text=True, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
