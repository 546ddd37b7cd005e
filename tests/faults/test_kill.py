"""A server that is killed and started again: what was reported as done is there."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults import Report, runs, server, sweep
from orm_async_tests.faults.patterns import add
from orm_async_tests.faults.report import Cell
from orm_async_tests.harness.environment.private_servers import data_directory, url_of
from orm_async_tests.postgres import private_server
from orm_async_tests.postgres.cluster import DURABLE

NON_DURABLE = {
    "synchronous_commit": "off",
    "wal_writer_delay": "10000",
}  # the latter in milliseconds


def killed(database: db.Database, *names: str) -> Report:
    """The report of these patterns, on a server that is killed at each point."""

    told: list[Cell] = []

    async def swept() -> Report:
        with runs.places_for(database, ["kill"]) as places:
            each = [runs.sweep_one(one, places, "asyncio", told.append) for one in patterns]
            return Report([cell for cells in each for cell in await cells])

    patterns = runs.chosen(names, None)
    report = asyncio.run(swept())
    assert told == report.cells
    return report


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The private server answers a commit before it is on disk."""
    for module in (runs, server):
        monkeypatch.setattr(module, "DURABLE", NON_DURABLE)


def test_a_server_that_is_killed_at_every_suspension_is_survived(database: db.Database) -> None:
    report = killed(database, "commit", "load")
    assert not report.violating, report
    assert not report.unresolved
    assert len(report.outcomes) == 24
    assert {each.ended for each in report.outcomes} > {"done", "DBAPIError"}
    assert max(len(each.retries) for each in report.outcomes) == 1


def test_what_such_a_server_forgets_is_found(database: db.Database, forgetful: None) -> None:
    broken = {name for each in killed(database, "commit").violating for name in each.violations}
    assert "lost" in broken


def test_the_server_that_is_killed_keeps_what_was_committed() -> None:
    async def shown(settings: Mapping[str, str]) -> dict[str, str]:
        with private_server(data_directory(), **settings) as private:
            engine = create_async_engine(url_of(private, "asyncpg"))
            async with engine.connect() as connection:
                found = {name: await connection.scalar(text(f"SHOW {name}")) for name in DURABLE}
            await engine.dispose()
        return found

    assert asyncio.run(shown(DURABLE)) == dict.fromkeys(
        ("fsync", "synchronous_commit", "full_page_writes"), "on"
    )


def test_no_server_is_killed_beside_somebodys_own(database: db.Database) -> None:
    patterns, embedded = runs.chosen(["add"], None), replace(database, kind="embedded")
    assert "kill" not in runs.usual_kinds(patterns, database)
    assert "kill" in runs.usual_kinds(patterns, embedded)
    own = runs.chosen(["tests.faults.test_sweep:commits_twice"], None)
    assert "kill" not in runs.usual_kinds(own, embedded)


def test_a_server_that_is_not_ours_is_not_killed(database: db.Database) -> None:
    engine = create_async_engine(database.url)
    with pytest.raises(CouldNotRun, match="private server"):
        asyncio.run(sweep(add, engine, kinds=["kill"]))
