"""Compares the time of the script test5 with the time of a short asyncpg program.

The program imports SQLAlchemy's asyncio extension and asyncpg, connects once, and sends the
statements of test5. The times do not include the start of the PostgreSQL server. The benchmark
prints the median times of 9 pairs of runs, and the ratio of the two medians. The benchmark exits
with 1 if the ratio exceeds 1.4.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from orm_async_tests import db
from orm_async_tests.command_options import CommandParser

PAIRS = 9
MAX_RATIO = 1.4
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


def main(arguments: Sequence[str] | None = None) -> int:
    CommandParser(prog="startup", description=__doc__).parse_args(arguments)
    test5 = [str(Path(sys.executable).with_name("test5")), "--db", "embedded"]
    by_hand = [sys.executable, "-c", BY_HAND]
    with db.open_database("embedded") as database:
        url = database.url
        done = subprocess.run([*test5, "--json"], capture_output=True, text=True, check=True)
        [result] = json.loads(done.stdout)["results"]
        statements = [statement for variant in result["variants"] for statement in variant["sql"]]
        login = [url.query["host"], url.username, url.password, url.database, statements]
        pairs = [
            (time_command(test5), time_command(by_hand, json.dumps(login)))
            for _ in range(1 + PAIRS)
        ]
    measured = pairs[1:]  # the first pair compiles the modules
    script, program = (statistics.median(side) for side in zip(*measured, strict=True))
    ratio = script / program
    print(f"test5 {script * 1e3:.0f} ms, by hand {program * 1e3:.0f} ms, ratio {ratio:.2f}", end="")
    print(f" (at most {MAX_RATIO}; medians of {PAIRS} pairs)")
    return int(ratio > MAX_RATIO)


def time_command(command: list[str], text: str = "") -> float:
    """Run a command with `text` as its input, and return its duration in seconds."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    started = time.perf_counter()
    subprocess.run(command, input=text, text=True, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started
