"""AUTOCOMMIT by an engine's execution_options() is set anew at each checkout.

Both give each statement its own transaction and one round trip. Where the level is an option of an
engine that shares its pool with others, it is set when a connection is taken and reset when it
comes back, which is up to a fifth of a read by key (`orm-async-tests bench tasks`). An engine
that is created with the level sets it when it connects.

It does not show what a pool of its own costs: connections of the server.

Docs: https://docs.sqlalchemy.org/en/21/core/connections.html#setting-isolation-level-or-dbapi-autocommit-for-an-engine
"""

import sys
from collections import Counter
from types import FrameType

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, right, wrong

READS = 10
SELECT = text("SELECT 1")


class Levels:
    """Counts what the engine's dialect sets connections to, while the block runs."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.setter = engine.dialect.set_isolation_level
        self.given: Counter[str] = Counter()

    def __enter__(self) -> Counter[str]:
        sys.setprofile(self._seen)
        return self.given

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _seen(self, frame: FrameType, happened: str, _: object) -> None:
        if happened == "call" and frame.f_code is self.setter.__code__:
            self.given[frame.f_locals["level"]] += 1


@wrong
async def option(engine: AsyncEngine) -> dict[str, int]:
    """engine.execution_options(isolation_level="AUTOCOMMIT")"""
    reads = engine.execution_options(isolation_level="AUTOCOMMIT")
    with Levels(engine) as given:
        for _ in range(READS):
            async with reads.connect() as connection:
                await connection.execute(SELECT)
    return {"set": given["AUTOCOMMIT"], "reset": given.total() - given["AUTOCOMMIT"]}


@right(engine={"isolation_level": "AUTOCOMMIT"})
async def created(engine: AsyncEngine) -> dict[str, int]:
    """create_async_engine(isolation_level="AUTOCOMMIT"), which has connected"""
    with Levels(engine) as given:
        for _ in range(READS):
            async with engine.connect() as connection:
                await connection.execute(SELECT)
    return {"set": given["AUTOCOMMIT"], "reset": given.total() - given["AUTOCOMMIT"]}


def check(option: Observation, created: Observation) -> None:
    assert option.value == {"set": READS, "reset": READS}
    assert created.value == {"set": 0, "reset": 0}
    assert option.round_trips == created.round_trips < 2 * READS


main = main_of(__name__)
