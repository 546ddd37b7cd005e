"""What grows with the points: pages, ranges, writes, by the indexes."""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import product
from typing import Any

from measure import START, WALKERS, WALKS, YEAR, Samples, Table, Tables, cell, made, medians
from sqlalchemy import Executable, delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from orm_async_tests import db
from orm_async_tests.models import TrackPoint, User
from orm_async_tests.service.tracks import BATCH, LINE

Work = Executable | list[tuple[Any, ...]]  # a statement, or the rows of a COPY
PAGE, RANGE, LOAD = 100, 50, 1000  # points of a page, of a time range, of a COPY
USERS = {"usual": 2, "long": 1}  # 1000 points among the others'; a tenth of all, added last
COLUMNS = ["user_id", "lat", "lon", "date"]
INDEXES = ("user_id", "user_id, id", "user_id, date")
VARIANTS = [INDEXES[:1], INDEXES[1:2], (INDEXES[0], INDEXES[2]), INDEXES[1:]]
BYTES = """SELECT pg_table_size('track_points') UNION ALL (SELECT pg_relation_size(indexrelid)
    FROM pg_index WHERE indrelid = 'track_points'::regclass ORDER BY indexrelid)"""


async def filled(connection: AsyncConnection, points: int) -> None:
    """Users and their points; the indexes grow with the rows, as they do in life."""
    for index in TrackPoint.metadata.tables["track_points"].indexes:
        await connection.exec_driver_sql(f"DROP INDEX {index.name}")
    for number, columns in enumerate(INDEXES):
        await connection.exec_driver_sql(f"CREATE INDEX by_{number} ON track_points ({columns})")
    usual = points * 9 // 10
    users = usual // 1000
    await connection.exec_driver_sql(WALKERS.format(1 + users))
    await connection.exec_driver_sql(WALKS.format(user=f"2 + n % {users}", points=usual))
    await connection.exec_driver_sql(WALKS.format(user=1, points=points - usual))
    await connection.exec_driver_sql("VACUUM ANALYZE")


async def works(connection: AsyncConnection, user: int) -> dict[str, Work]:
    """What the service sends for a user."""
    mine = select(TrackPoint).where(TrackPoint.user_id == user)
    ids = sorted(await connection.scalars(mine.with_only_columns(TrackPoint.id)))
    middle = len(ids) // 2
    page = mine.where(TrackPoint.id > 0).order_by(TrackPoint.id).limit(PAGE + 1)
    since, until = START + YEAR / 2, START + YEAR / 2 + YEAR * RANGE / len(ids)
    point = insert(TrackPoint).values(user_id=user, lat=47.0, lon=12.5, date=START)
    track = select(LINE).where(TrackPoint.user_id == user).order_by(TrackPoint.id)
    return {
        "a page at the start": page,
        "a page in the middle": page.where(TrackPoint.id > ids[middle]),
        "the same by OFFSET": page.offset(middle),
        "a time range": page.where(TrackPoint.date >= since, TrackPoint.date < until),
        "the newest id": select(func.max(TrackPoint.id)).where(TrackPoint.user_id == user),
        "the whole track": track.execution_options(yield_per=BATCH),
        "an INSERT": point.returning(TrackPoint),
        f"COPY of {LOAD}": [(user, 47.0, 12.5, START)] * LOAD,
        "DELETE of the user": delete(User).where(User.id == user),
    }


async def done(connection: AsyncConnection, work: Work) -> None:
    """Send it, and read what comes back."""
    if isinstance(work, list):
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.copy_records_to_table("track_points", records=work, columns=COLUMNS)
    elif "yield_per" in work.get_execution_options():
        async for _ in (await connection.stream(work)).partitions():
            pass
    else:
        await connection.execute(work)


async def seconds(connection: AsyncConnection, work: Work) -> float:
    """The median of some repetitions, each of which is undone."""
    taken: list[float] = []
    while len(taken) < 3 or (len(taken) < 9 and sum(taken) < 0.2):
        savepoint = await connection.begin_nested()
        started = time.perf_counter()
        await done(connection, work)
        taken.append(time.perf_counter() - started)
        await savepoint.rollback()
    return statistics.median(taken)


async def points(server: db.Database, given: argparse.Namespace) -> Tables:
    """The service's statements in a small table and in large ones, and with other indexes."""
    samples: Samples = defaultdict(list)
    room: Table = [["bytes of a point", "table", *(f"({each})" for each in ("id", *INDEXES))]]
    async with AsyncExitStack() as stack:
        tables = {}
        for size in given.sizes:
            own, admin = await stack.enter_async_context(made(server))
            await filled(admin, size)
            bytes_ = await admin.scalars(text(BYTES))
            room.append([f"{size:,} points", *(f"{found / size:.0f}" for found in bytes_)])
            connection = await stack.enter_async_context(db.connect(own, "growth"))
            tables[size] = connection, {name: await works(admin, USERS[name]) for name in USERS}
        for kept, size in product(VARIANTS * given.rounds, tables):
            connection, users = tables[size]
            for number, columns in enumerate(INDEXES):
                if columns not in kept:  # until the rollback it is as if it were not there
                    await connection.exec_driver_sql(f"DROP INDEX by_{number}")
            for user, found in users.items():
                for what, work in found.items():
                    samples[what, user, kept, size].append(await seconds(connection, work))
            await connection.rollback()
    for name, table in compared(medians(samples), given.sizes):
        yield name, table
    yield "bytes", room


def compared(found: dict[Any, float], sizes: list[int]) -> Iterator[tuple[str, Table]]:
    """Each size against the smallest with today's indexes; in the largest, indexes against one."""
    whats = list(dict.fromkeys(key[0] for key in found))
    growing = {f"{size:,} points": (VARIANTS[-1], size) for size in sizes}
    indexed = {f"({'), ('.join(kept)})": (kept, sizes[-1]) for kept in VARIANTS}
    for (name, columns), user in product((("sizes", growing), ("indexes", indexed)), USERS):
        table: Table = [[f"{user} user", *columns]]
        for what in whats:
            row = [found[what, user, *column] for column in columns.values()]
            table.append([what, *(cell(each, row[0]) for each in row)])
        yield f"{name}, {user} user", table
