"""Runs each wrong variant of a script as a user's test."""

import os

import pytest
from sqlalchemy import make_url

from orm_async_tests import db
from orm_async_tests.harness.definitions.variants import Variant, select_arguments
from orm_async_tests.harness.environment.script_database import ScriptDatabase
from orm_async_tests.harness.environment.servers import Servers
from orm_async_tests.harness.run.fixtures import Fixtures, open_fixtures
from orm_async_tests.harness.script import Script
from orm_async_tests.timeline.recording import Recorder
from tests.pytest_plugin.suites.wrong_variants import wrong_variants

VARIANTS = [
    pytest.param(script, variant, id=f"{command}.{variant.name}")
    for command, script, variant in wrong_variants(os.environ["CHAPTERS"].split())
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("script", "variant"), VARIANTS)
async def test_variant(script: Script, variant: Variant) -> None:
    database = db.Database(make_url(os.environ["URL"]), "url", "a user's")
    async with db.connect(database, "tests", isolation_level="AUTOCOMMIT") as connection:
        ground = ScriptDatabase(connection)
        await ground.reset(script.base, script.seed, script.defaults)
        recorder = Recorder(lambda _: False, variant.name, str)
        fixtures = Fixtures(variant, database.url, None, ground.admin, Servers(), recorder)
        async with fixtures.stack:
            fixtures.stack.push_async_callback(dispose_engines, fixtures)
            available = await open_fixtures(fixtures, variant.parameters)
            await variant(**select_arguments(variant.function, {**script.defaults, **available}))


async def dispose_engines(fixtures: Fixtures) -> None:
    for engine in fixtures.engines:
        await engine.dispose()
