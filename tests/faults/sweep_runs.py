"""Runs sweeps of functions that may leave connections open on purpose."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from orm_async_tests import db
from orm_async_tests.faults import Report, sweep
from orm_async_tests.faults.injection import Function

LEAKED: list[AsyncConnection] = []  # invalidated after the sweep


def run_sweep(
    database: db.Database, function: Function, *kinds: str, rows: str | None = None
) -> Report:
    """Return the report of a sweep with these kinds of faults."""

    async def run() -> Report:
        engine = create_async_engine(database.url)
        report = await sweep(function, engine, rows=rows, kinds=kinds)
        while LEAKED:
            if not (connection := LEAKED.pop()).closed:
                await connection.invalidate()
        await engine.dispose()
        return report

    return asyncio.run(run())


def name_violations(report: Report) -> set[str]:
    """Return the names of all violations that no known defect explains."""
    return {name for outcome in report.violating for name in outcome.violations}
