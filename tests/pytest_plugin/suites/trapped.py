"""The wrong ways of the trap scripts, each as a user's test."""

import os
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import make_url

from orm_async_tests import db
from orm_async_tests.harness.fixtures import FIXTURES, Place
from orm_async_tests.harness.playground import Playground
from orm_async_tests.harness.script import Script
from orm_async_tests.harness.servers import Servers
from orm_async_tests.harness.ways import Way, called_with
from tests.pytest_plugin.suites.wrong import wrong

WRONG = [
    pytest.param(script, way, id=f"{command}.{way.name}")
    for command, script, way in wrong(os.environ["CHAPTER"])
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("script", "way"), WRONG)
async def test_way(script: Script, way: Way) -> None:
    database = db.Database(make_url(os.environ["URL"]), "url", "a user's")
    async with db.connect(database, "tests", isolation_level="AUTOCOMMIT") as connection:
        ground = Playground(connection)
        await ground.reset(script.base, script.world, script.defaults)
        place = Place(way, database.url, None, ground.admin, Servers())
        async with AsyncExitStack() as ended:
            ended.push_async_callback(dispose, place)
            wanted = {name: each for name, each in FIXTURES.items() if name in way.parameters}
            offered = {
                name: await ended.enter_async_context(each(place)) for name, each in wanted.items()
            }
            await way(**called_with(way.function, {**script.defaults, **offered}))


async def dispose(place: Place) -> None:
    for engine in place.engines:
        await engine.dispose()
