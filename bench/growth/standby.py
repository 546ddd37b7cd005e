"""What reads on a standby give and miss."""

import asyncio
import re
import statistics
import tempfile
import time
from argparse import Namespace
from collections import defaultdict
from dataclasses import replace
from itertools import product

from measure import AUTO, Samples, Table, Tables, cell, medians
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from orm_async_tests import db, migrations
from orm_async_tests.postgres import Login, client, hot_standby, private_server, said

USERS = 100
WALKERS = f"INSERT INTO users (username) SELECT 'walker ' || n FROM generate_series(1, {USERS}) n"
PAGE = "AND id > 0 ORDER BY id LIMIT 101"
WALKS = f"""INSERT INTO track_points (user_id, lat, lon, date)
    SELECT 1 + n % {USERS}, 47, 12.5, now() FROM generate_series(1, {{0}}) n"""
READS = f"\\set user random(1, {USERS})\nSELECT * FROM track_points WHERE user_id = :user {PAGE};\n"
LOAD = 100_000
RATE = re.compile(r"tps = ([\d.]+)")
ADD = text(WALKS.format(1) + " RETURNING id")
FIND = text("SELECT count(*) FROM track_points WHERE id = :id")
LAG = text("SELECT (pg_current_wal_lsn() - replay_lsn)::bigint FROM pg_stat_replication")


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
