"""The wrong variants of scripts, each as a user's test."""

import os
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import make_url

from orm_async_tests import db
from orm_async_tests.harness.definitions.variants import Variant, select_arguments
from orm_async_tests.harness.environment.private_servers import Servers
from orm_async_tests.harness.environment.script_database import ScriptDatabase
from orm_async_tests.harness.run.fixtures import FIXTURES, FixtureContext
from orm_async_tests.harness.script import Script
from orm_async_tests.timeline.recording import Recorder
from tests.pytest_plugin.suites.wrong_variants import wrong_variants

VARIANTS = [
    pytest.param(script, variant, id=f"{command}.{variant.name}")
    for command, script, variant in wrong_variants()
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("script", "variant"), VARIANTS)
async def test_variant(script: Script, variant: Variant) -> None:
    database = db.Database(make_url(os.environ["URL"]), "url", "a user's")
    async with db.connect(database, "tests", isolation_level="AUTOCOMMIT") as connection:
        ground = ScriptDatabase(connection)
        await ground.reset(script.base, script.seed, script.defaults)
        recorder = Recorder(lambda _: False, variant.name, str)
        context = FixtureContext(variant, database.url, None, ground.admin, Servers(), recorder)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(dispose_engines, context)
            fixtures = {
                name: await stack.enter_async_context(fixture(context))
                for name, fixture in FIXTURES.items()
                if name in variant.parameters
            }
            await variant(**select_arguments(variant.function, {**script.defaults, **fixtures}))


async def dispose_engines(context: FixtureContext) -> None:
    for engine in context.engines:
        await engine.dispose()
