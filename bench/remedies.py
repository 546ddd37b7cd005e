"""The remedies that bench/growth.py measures, partitions and a standby, and what both measure by.

Run by bench/growth.py.
"""

import asyncio
import re
import statistics
import tempfile
import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from orm_async_tests import db, migrations
from orm_async_tests.postgres import Login, client, hot_standby, private_server, said

Table = list[list[str]]
Tables = AsyncIterator[tuple[str, Table]]
Samples = defaultdict[Any, list[float]]

START, YEAR = datetime(2025, 1, 1, tzinfo=UTC), timedelta(days=365)
AUTO = {"isolation_level": "AUTOCOMMIT"}
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

WALKS = f"""INSERT INTO track_points (user_id, lat, lon, date)
    SELECT 1 + n % {USERS}, 47, 12.5, now() FROM generate_series(1, {{0}}) n"""
READS = f"\\set user random(1, {USERS})\nSELECT * FROM track_points WHERE user_id = :user {PAGE};\n"
LOAD = 100_000
RATE = re.compile(r"tps = ([\d.]+)")
ADD = text(WALKS.format(1) + " RETURNING id")
FIND = text("SELECT count(*) FROM track_points WHERE id = :id")
LAG = text("SELECT (pg_current_wal_lsn() - replay_lsn)::bigint FROM pg_stat_replication")


def cell(seconds: float, of: float) -> str:
    """A ratio of durations, and the first of them."""
    ratio = seconds / of
    return f"{ratio:.{2 if ratio >= 0.1 else 4}f} ({seconds * 1e3:.2f} ms)"


def medians(samples: Samples) -> dict[Any, float]:
    """The median of each."""
    return {key: statistics.median(values) for key, values in samples.items()}


@asynccontextmanager
async def made(server: db.Database) -> AsyncIterator[tuple[db.Database, AsyncConnection]]:
    """A migrated database that is dropped afterwards, and a connection to it."""
    name = f"growth_{uuid4().hex}"
    async with db.connect(server, "growth", **AUTO) as admin:
        await admin.exec_driver_sql(f"CREATE DATABASE {name}")
        own = replace(server, url=server.url.set(database=name), kind="url", label=name)
        try:
            async with db.connect(own, "growth", **AUTO) as connection:
                await migrations.ensure(connection, migrations.TRACKS)
                yield own, connection
        finally:
            await admin.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


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


def rate(servers: list[Login], clients: int, seconds: float) -> float:
    """Pages a second that this many clients read, split between the servers (pgbench)."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(READS)
        script.flush()
        each = ["-c", str(clients // len(servers)), "-T", str(int(seconds)), "-M", "prepared"]
        how = ["-n", "-f", script.name, *each, db.NAME]
        running = [client(server, "pgbench", *how) for server in servers]
        return sum(float(RATE.findall(said(process))[0]) for process in running)


async def caught_up(primary: AsyncConnection, standby: AsyncConnection) -> None:
    """Wait until the standby has applied what is committed on the primary by now."""
    here = await primary.scalar(text("SELECT pg_current_wal_lsn()"))
    while await standby.scalar(text("SELECT pg_last_wal_replay_lsn()")) < here:
        pass


async def missed(
    primary: AsyncConnection, standby: AsyncConnection, wait: bool, times: int
) -> tuple[int, float]:
    """How many rows were not there when read right after their commit; seconds of a write."""
    missing, taken = 0, []
    for _ in range(times):
        started = time.perf_counter()
        added = await primary.scalar(ADD)
        if wait:
            await caught_up(primary, standby)
        taken.append(time.perf_counter() - started)
        missing += not await standby.scalar(FIND, {"id": added})
    return missing, statistics.median(taken)


async def lags(database: db.Database, primary: AsyncConnection, standby: AsyncConnection) -> Table:
    """Bytes that the standby is behind: at rest, and at most during a load."""
    await caught_up(primary, standby)
    rest, most = await primary.scalar(LAG), 0
    async with db.connect(database, "growth", **AUTO) as watch:
        load = asyncio.create_task(primary.exec_driver_sql(WALKS.format(LOAD)))
        while not load.done():
            most = max(most, await watch.scalar(LAG))
        await load
    started = time.perf_counter()
    await caught_up(primary, standby)
    gone = f"{(time.perf_counter() - started) * 1e3:.0f} ms"
    rows = [["at rest", str(rest)], [f"most while {LOAD} rows are added", str(most)]]
    return [["lag of the standby", ""], *rows, ["until it is gone again", gone]]


async def read_after_write(primary: AsyncConnection, standby: AsyncConnection) -> Table:
    """Reads right after a commit, by what the writer waits for."""
    times = 100
    found = {"nothing": await missed(primary, standby, False, times)}
    await standby.exec_driver_sql("SELECT pg_wal_replay_pause()")
    found["nothing, and replay is paused"] = await missed(primary, standby, False, times)
    await standby.exec_driver_sql("SELECT pg_wal_replay_resume()")
    await caught_up(primary, standby)
    found["its position in the standby's replay"] = await missed(primary, standby, True, times)
    await primary.exec_driver_sql("SET synchronous_commit = remote_apply")
    found["COMMIT by remote_apply"] = await missed(primary, standby, False, times)
    _, plain = found["nothing"]
    rows = [[how, f"{gone} of {times}", cell(took, plain)] for how, (gone, took) in found.items()]
    return [["the writer waits for", "missed", "a write"], *rows]


async def reads(_: db.Database, given: Namespace) -> Tables:
    """A primary and a standby: rates of reading, lag, and reads right after a commit."""
    samples: Samples = defaultdict(list)
    with private_server(synchronous_standby_names="*", synchronous_commit="local") as own:
        url = db.socket_url(own.login)
        primary = db.Database(url, "url", "primary")
        async with db.connect(primary, "growth", **AUTO) as writer:
            await migrations.ensure(writer, migrations.TRACKS)
            await writer.exec_driver_sql(WALKERS)
            await writer.exec_driver_sql(WALKS.format(given.points))
            await writer.exec_driver_sql("VACUUM ANALYZE")
            with hot_standby(own) as copy:
                second = replace(primary, url=db.socket_url(copy.login), label="standby")
                async with db.connect(second, "growth", **AUTO) as reader:
                    groups = {"primary": [own.login], "standby": [copy.login]}
                    groups["both"] = [own.login, copy.login]
                    for _round, (name, servers) in product(range(given.rounds), groups.items()):
                        samples[name].append(rate(servers, 8, given.seconds))
                    yield "lag", await lags(primary, writer, reader)
                    yield "reads", await read_after_write(writer, reader)
    found = medians(samples)
    rows = [[name, f"{found[name] / found['primary']:.2f} ({found[name]:.0f})"] for name in found]
    yield "rates", [["8 clients read from", "pages a second"], *rows]
