"""With AUTOCOMMIT in execution_options(), an engine sets the isolation level at every checkout.

If the isolation level is an execution option, SQLAlchemy sets it at every checkout and resets it at
every return. A read by primary key may spend a fifth of its time on setting and resetting the
isolation level. If you pass the isolation level to create_async_engine(), SQLAlchemy sets the
isolation level once for every new connection.

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


class CountLevels:
    """Count how often the engine's dialect sets each isolation level inside the `with` block."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.setter = engine.dialect.set_isolation_level
        self.levels: Counter[str] = Counter()

    def __enter__(self) -> Counter[str]:
        sys.setprofile(self._trace)
        return self.levels

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _trace(self, frame: FrameType, kind: str, _: object) -> None:
        if kind == "call" and frame.f_code is self.setter.__code__:
            self.levels[frame.f_locals["level"]] += 1


@wrong
async def option(engine: AsyncEngine) -> dict[str, int]:
    """use engine.execution_options(isolation_level="AUTOCOMMIT")"""
    reads = engine.execution_options(isolation_level="AUTOCOMMIT")
    with CountLevels(engine) as levels:
        for _ in range(READS):
            async with reads.connect() as connection:
                await connection.execute(SELECT)
    return {"set": levels["AUTOCOMMIT"], "reset": levels.total() - levels["AUTOCOMMIT"]}


@right(engine={"isolation_level": "AUTOCOMMIT"})
async def created(engine: AsyncEngine) -> dict[str, int]:
    """use create_async_engine(isolation_level="AUTOCOMMIT")"""
    with CountLevels(engine) as levels:
        for _ in range(READS):
            async with engine.connect() as connection:
                await connection.execute(SELECT)
    return {"set": levels["AUTOCOMMIT"], "reset": levels.total() - levels["AUTOCOMMIT"]}


def check(option: Observation, created: Observation) -> None:
    assert option.value == {"set": READS, "reset": READS}
    assert created.value == {"set": 0, "reset": 0}
    assert option.round_trips == created.round_trips < 2 * READS


main = main_of(__name__)
