"""The wrong ways of the trap scripts, each as a user's test."""

import os
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import make_url

from orm_async_tests import db
from orm_async_tests.harness.definitions.variants import Variant, select_arguments
from orm_async_tests.harness.environment.private_servers import Servers
from orm_async_tests.harness.environment.script_database import Playground
from orm_async_tests.harness.run.fixtures import FIXTURES, Place
from orm_async_tests.harness.script import Script
from tests.pytest_plugin.suites.wrong import wrong

WRONG = [
    pytest.param(script, variant, id=f"{command}.{variant.name}")
    for command, script, variant in wrong(os.environ["CHAPTER"])
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("script", "variant"), WRONG)
async def test_way(script: Script, variant: Variant) -> None:
    database = db.Database(make_url(os.environ["URL"]), "url", "a user's")
    async with db.connect(database, "tests", isolation_level="AUTOCOMMIT") as connection:
        ground = Playground(connection)
        await ground.reset(script.base, script.world, script.defaults)
        place = Place(variant, database.url, None, ground.admin, Servers())
        async with AsyncExitStack() as ended:
            ended.push_async_callback(dispose, place)
            wanted = {name: each for name, each in FIXTURES.items() if name in variant.parameters}
            offered = {
                name: await ended.enter_async_context(each(place)) for name, each in wanted.items()
            }
            await variant(**select_arguments(variant.function, {**script.defaults, **offered}))


async def dispose(place: Place) -> None:
    for engine in place.engines:
        await engine.dispose()
