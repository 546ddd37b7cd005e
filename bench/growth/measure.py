"""What all parts measure by."""

import statistics
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from orm_async_tests import db, migrations

Table = list[list[str]]
Tables = AsyncIterator[tuple[str, Table]]
Samples = defaultdict[Any, list[float]]
START, YEAR = datetime(2025, 1, 1, tzinfo=UTC), timedelta(days=365)
AUTO = {"isolation_level": "AUTOCOMMIT"}
WALKS = """INSERT INTO track_points (user_id, lat, lon, date)
    SELECT {user}, random() * 90, random() * 180,
        timestamptz '2025-01-01Z' + n * (interval '365 days' / {points})
    FROM generate_series(0, {points} - 1) n"""
WALKERS = "INSERT INTO users (username) SELECT 'walker ' || n FROM generate_series(1, {}) n"


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
