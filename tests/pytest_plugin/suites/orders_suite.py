"""A user's test that sweeps a function with two INSERTs, in one transaction if CURED=1."""

import os
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults import Report

pytestmark = getattr(pytest.mark, os.environ["RUNNER"])
ROWS = "select count(*) from orders"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def place_order(engine: AsyncEngine) -> None:
    """Insert two rows in two transactions, as in docs/faults.md."""
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO orders VALUES ('boots')"))
        if "CURED" in os.environ:
            await connection.execute(text("INSERT INTO orders VALUES ('laces')"))
            return
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO orders VALUES ('laces')"))


async def test_an_order_is_placed_completely_or_not_at_all(
    fault_sweep: Callable[..., Awaitable[Report]],
) -> None:
    engine = create_async_engine(os.environ["URL"])
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS orders (item text)"))
    report = await fault_sweep(place_order, engine, rows=ROWS, kinds=("timeout",))
    with pytest.raises(CouldNotRun, match="write a test for each sweep"):
        await fault_sweep(place_order, engine)
    await engine.dispose()
    assert not report.violating, report
