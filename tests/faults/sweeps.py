"""A sweep of a test's own work, which may leave connections behind on purpose."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from orm_async_tests import db
from orm_async_tests.faults import Report, sweep
from orm_async_tests.faults.patterns import Work

LEFT: list[AsyncConnection] = []  # what the work leaves, to be ended after the sweep


def swept(database: db.Database, work: Work, *kinds: str, rows: str | None = None) -> Report:
    """The report of a sweep with these kinds of faults."""

    async def run() -> Report:
        engine = create_async_engine(database.url)
        report = await sweep(work, engine, rows=rows, kinds=kinds)
        while LEFT:
            if not (left := LEFT.pop()).closed:
                await left.invalidate()
        await engine.dispose()
        return report

    return asyncio.run(run())
