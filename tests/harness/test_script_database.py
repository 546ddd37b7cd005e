"""The database of the scripts while another connection uses the tables."""

import asyncio

import pytest
from sqlalchemy import text

from orm_async_tests import db, models
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.environment import script_database


async def _reset_beside_a_transaction(database: db.Database) -> None:
    async with (
        script_database.open_script_database(database) as scripts,
        db.connect(database, "tests") as other,
    ):
        await other.execute(text("SELECT FROM users"))
        await scripts.reset(models.Base, None, {})


def test_tables_that_stay_locked_are_reported_and_do_not_stop_a_run(
    database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script_database, "LOCK_TIMEOUT", "SET lock_timeout = '10ms'")
    with pytest.raises(CouldNotRun, match="another connection"):
        asyncio.run(_reset_beside_a_transaction(database))
