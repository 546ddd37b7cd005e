"""After the server was killed and restarted, the data contains every confirmed commit."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import create_async_engine

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults import Report, planning, server_monitor, sweep
from orm_async_tests.faults.fault_points import Fault, Point
from orm_async_tests.faults.patterns import add
from orm_async_tests.faults.planning import (
    default_kinds,
    open_private_server,
    plan_sweeps,
    select_functions,
)
from orm_async_tests.harness.environment.servers import url_of
from orm_async_tests.postgres.cluster import DURABLE
from tests.faults.sweep_runs import name_violations

NON_DURABLE = {"synchronous_commit": "off", "wal_writer_delay": "10000"}  # milliseconds
USERS_FUNCTION = "tests.faults.test_sweep:commit_twice"


def sweep_kills(database: db.Database, *names: str) -> Report:
    """Sweep patterns on a private server that is killed at every fault point."""

    async def run() -> Report:
        functions = select_functions(names, None)
        with open_private_server(functions, ["kill"]) as private:
            sweeps = [
                sweep
                for function in functions
                for sweep in plan_sweeps(function, database, ["kill"], "asyncio", private)
            ]
            return Report([cell for sweep in sweeps async for cell in sweep.run()])

    return asyncio.run(run())


@pytest.fixture
def non_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the private server answer a commit before it is on disk."""
    for module in (planning, server_monitor):
        monkeypatch.setattr(module, "DURABLE", NON_DURABLE)


@pytest.mark.thorough
def test_a_kill_at_every_suspension_is_survived(database: db.Database) -> None:
    report = sweep_kills(database, "commit", "load")
    assert not report.violating, report
    assert not report.unresolved
    assert len(report.outcomes) == 24
    assert {outcome.result for outcome in report.outcomes} > {"done", "DBAPIError"}
    assert max(len(outcome.failed_uses) for outcome in report.outcomes) == 1


@pytest.mark.thorough
def test_a_commit_that_a_non_durable_server_loses_is_reported(
    database: db.Database, non_durable: None
) -> None:
    assert "lost commit" in name_violations(sweep_kills(database, "commit"))


def test_a_killed_server_is_started_again_with_durable_settings(database: db.Database) -> None:
    async def read_settings(private_url: URL) -> dict[str, str]:
        engine = create_async_engine(private_url)
        async with engine.connect() as connection:
            settings = {name: await connection.scalar(text(f"SHOW {name}")) for name in DURABLE}
        await engine.dispose()
        return settings

    async def run() -> None:
        [pattern] = select_functions(["commit"], None)
        with open_private_server([pattern], ["kill"]) as private:
            assert private is not None
            [sweep] = plan_sweeps(pattern, database, ["kill"], "asyncio", private)
            point = Point("asyncpg", "asyncio", "commit", Fault("kill", "suspended"), 2)
            outcome = await sweep.run_point(point)
            assert outcome.result not in ("", "done")
            assert not outcome.violations
            settings = await read_settings(url_of(private, "asyncpg"))
        names = ("fsync", "synchronous_commit", "full_page_writes")
        assert settings == dict.fromkeys(names, "on")

    asyncio.run(run())


def test_no_server_is_killed_for_a_users_function_or_database(database: db.Database) -> None:
    functions, embedded = select_functions(["add"], None), replace(database, kind="embedded")
    assert "kill" not in default_kinds(functions, database)
    assert "kill" in default_kinds(functions, embedded)
    assert "kill" not in default_kinds(select_functions([USERS_FUNCTION], None), embedded)


def test_a_server_that_is_not_private_is_not_killed(database: db.Database) -> None:
    engine = create_async_engine(database.url)
    with pytest.raises(CouldNotRun, match="private server"):
        asyncio.run(sweep(add, engine, kinds=["kill"]))
