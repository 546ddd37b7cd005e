"""AUTOCOMMIT by an engine's execution_options() is set anew at each checkout.

Both give each statement its own transaction and one round trip. Where the level is an option of an
engine that shares its pool with others, it is set when a connection is taken and reset when it
comes back, which is up to a fifth of a read by key (`orm-async-tests bench tasks`). An engine
that is created with the level sets it when it connects.

It does not show what a pool of its own costs: connections of the server.

Docs: https://docs.sqlalchemy.org/en/21/core/connections.html#setting-isolation-level-or-dbapi-autocommit-for-an-engine
"""

from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Seen, main_of, right, wrong

READS = 10
SELECT = text("SELECT 1")


def levels_set(engine: AsyncEngine) -> list[str]:
    """The levels that connections are given from now on."""
    given: list[str] = []
    usual: Callable[..., None] = engine.dialect.set_isolation_level

    def told(connection: object, level: str) -> None:
        given.append(level)
        usual(connection, level)

    engine.dialect.set_isolation_level = told  # type: ignore[assignment, method-assign]
    return given


@wrong
async def option(engine: AsyncEngine) -> dict[str, int]:
    """engine.execution_options(isolation_level="AUTOCOMMIT")"""
    given = levels_set(engine)
    reads = engine.execution_options(isolation_level="AUTOCOMMIT")
    for _ in range(READS):
        async with reads.connect() as connection:
            await connection.execute(SELECT)
    return {"set": given.count("AUTOCOMMIT"), "reset": len(given) - given.count("AUTOCOMMIT")}


@right(engine={"isolation_level": "AUTOCOMMIT"})
async def created(engine: AsyncEngine) -> dict[str, int]:
    """create_async_engine(isolation_level="AUTOCOMMIT")"""
    given = levels_set(engine)  # the connection is there
    for _ in range(READS):
        async with engine.connect() as connection:
            await connection.execute(SELECT)
    return {"set": given.count("AUTOCOMMIT"), "reset": len(given) - given.count("AUTOCOMMIT")}


def check(option: Seen, created: Seen) -> None:
    assert option.value == {"set": READS, "reset": READS}
    assert created.value == {"set": 0, "reset": 0}
    assert option.round_trips == created.round_trips < 2 * READS


main = main_of(__name__)
