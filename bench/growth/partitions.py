"""What partitions of a table change."""

import time
from argparse import Namespace
from collections import defaultdict
from typing import Any

from measure import START, YEAR, Samples, Tables, cell, made, medians
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from orm_async_tests import db

USERS = 100
WALKERS = f"INSERT INTO users (username) SELECT 'walker ' || n FROM generate_series(1, {USERS}) n"
PARTS, REPEATS = 12, 9
TABLES = {  # primary key, partitioned by, the values of a partition
    "plain": ("id", "", ""),
    "months": ("id, date", "PARTITION BY RANGE (date)", "FROM ('{0}') TO ('{1}')"),
    "users_": ("id, user_id", "PARTITION BY HASH (user_id)", "WITH (MODULUS 12, REMAINDER {2})"),
}
COLUMNS = """id bigint, user_id int NOT NULL REFERENCES users ON DELETE CASCADE,
    lat float8 NOT NULL, lon float8 NOT NULL, date timestamptz NOT NULL"""
PAGE = "AND id > 0 ORDER BY id LIMIT 101"
QUERIES = {
    "a page of a user": f"user_id = 7 {PAGE}",
    "a month of a user": f"user_id = 7 AND date >= '2025-06-01Z' AND date < '2025-07-01Z' {PAGE}",
    "a point by its id": "id = 77",
}
SIZE = """SELECT coalesce(sum(pg_total_relation_size(relid)), pg_total_relation_size('{0}'))
    FROM pg_partition_tree('{0}')"""


def month(number: int) -> str:
    """The first moment of a month, counted from 0."""
    return f"{2025 + number // 12}-{number % 12 + 1:02}-01Z"


async def laid_out(connection: AsyncConnection) -> None:
    """The three tables, empty."""
    for table, (key, parted, values) in TABLES.items():
        await connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")
        columns = f"{COLUMNS}, PRIMARY KEY ({key})"
        await connection.exec_driver_sql(f"CREATE TABLE {table} ({columns}) {parted}")
        await connection.exec_driver_sql(f"CREATE INDEX ON {table} (user_id, id)")
        for part in range(PARTS if parted else 0):
            of = f"{table}{part} PARTITION OF {table}"
            bounds = values.format(month(part), month(part + 1), part)
            await connection.exec_driver_sql(f"CREATE TABLE {of} FOR VALUES {bounds}")


async def timed(connection: AsyncConnection, *statements: str) -> float:
    """Seconds that the statements take."""
    started = time.perf_counter()
    for statement in statements:
        await connection.exec_driver_sql(statement)
    return time.perf_counter() - started


async def ended(connection: AsyncConnection, table: str, number: int) -> tuple[float, float]:
    """Seconds to be rid of a month, and the part of its bytes that the file system got back."""
    before = float(await connection.scalar(text(SIZE.format(table))))
    if table == "months":
        part = f"{table}{number}"
        how = [f"ALTER TABLE {table} DETACH PARTITION {part}", f"DROP TABLE {part}"]
    else:
        these = f"date >= '{month(number)}' AND date < '{month(number + 1)}'"
        how = [f"DELETE FROM {table} WHERE {these}", f"VACUUM {table}"]
    taken = await timed(connection, *how)
    after = float(await connection.scalar(text(SIZE.format(table))))
    return taken, (before - after) / before * PARTS


async def partitions(server: db.Database, given: Namespace) -> Tables:
    """A plain table, one by months, one by users: COPY, queries, and the end of a month."""
    samples: Samples = defaultdict(list)
    step = YEAR / given.points
    rows = [(n, n % USERS + 1, 47.0, 12.5, START + n * step) for n in range(given.points)]
    async with made(server) as (_, connection):
        await connection.exec_driver_sql(WALKERS)
        driver: Any = (await connection.get_raw_connection()).driver_connection
        for number in range(given.rounds):
            await laid_out(connection)
            for table in TABLES:
                started = time.perf_counter()
                await driver.copy_records_to_table(table, records=rows)
                samples["COPY of a year", table].append(time.perf_counter() - started)
            await connection.exec_driver_sql("VACUUM ANALYZE")
            for table in list(TABLES) * REPEATS:
                for query, where in QUERIES.items():
                    taken = await timed(connection, f"SELECT * FROM {table} WHERE {where}")
                    samples[query, table].append(taken)
            for table in TABLES:
                taken, freed = await ended(connection, table, 2 + number % 9)
                samples["the end of a month", table].append(taken)
                samples[table].append(freed)
    found = medians(samples)
    rows_ = [
        [what, *(cell(found[what, table], found[what, "plain"]) for table in TABLES)]
        for what in dict.fromkeys(key[0] for key in found if isinstance(key, tuple))
    ]
    back = ["of its bytes given back", *(f"{found[table]:.2f}" for table in TABLES)]
    yield "partitions", [["", "plain", "by months", "by users"], *rows_, back]
