"""A user's tests whose findings the summary of pytest groups."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.pytest_plugin.suites.owners import RUNNER

pytestmark = getattr(pytest.mark, RUNNER)
leaked: list[Any] = []


async def leak_connection(engine: AsyncEngine) -> None:
    leaked.append(await engine.raw_connection())


@pytest.fixture
def failing_teardown() -> Iterator[None]:
    yield
    raise RuntimeError("this teardown fails")


async def test_one(engine: AsyncEngine) -> None:
    await leak_connection(engine)


async def test_two(engine: AsyncEngine) -> None:
    await leak_connection(engine)


async def test_three(failing_teardown: None, engine: AsyncEngine) -> None:
    leaked.append(await engine.raw_connection())
