"""A variant with a primary or a standby gets both servers, with the default rows."""

import pytest

from orm_async_tests import db, urls
from orm_async_tests.postgres import binaries
from orm_async_tests.stack_options import DRIVERS
from orm_async_tests.verdicts import HOLDS, SKIPPED
from tests.harness.example_scripts import ran

COUNTS = """
async def count(engine):
    async with engine.connect() as connection:
        return await connection.scalar(text("SELECT count(*) FROM users"))

@variant
async def both(make_engine, primary_url, standby_url):
    return {"there": await count(make_engine(primary_url)),
        "here": await count(make_engine(standby_url))}

@variant
async def after_a_promotion(make_engine, standby, standby_url):
    standby.primary.kill()
    standby.promote()
    return {"here": await count(make_engine(standby_url))}

def check(both, after_a_promotion):
    assert both.value == {"there": 3, "here": 3}
    assert after_a_promotion.value == {"here": 3}
"""


@pytest.mark.parametrize(
    "driver", [DRIVERS[0], pytest.param(DRIVERS[1], marks=pytest.mark.thorough)]
)
def test_the_rows_of_a_primary_are_on_its_standby(driver: str, database: db.Database) -> None:
    driven = db.Database(urls.with_driver(database.url, driver), database.kind, database.label)
    result = ran(COUNTS, driven)
    assert result.verdict.word == HOLDS, result.verdict.reason


def test_a_standby_needs_pg_basebackup(
    database: db.Database, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bin")
    for name in ("postgres", "initdb"):
        (folder / name).symlink_to(binaries.find().folder / name)
    monkeypatch.setenv("ORM_ASYNC_PG_BIN", str(folder))
    monkeypatch.setenv("PATH", "")
    result = ran("@variant\nasync def go(standby):\n    pass", database)
    assert result.verdict.word == SKIPPED
    assert "no pg_basebackup" in result.verdict.reason
    assert "apt-get install postgresql" in result.verdict.reason
