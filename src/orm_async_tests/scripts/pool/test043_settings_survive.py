"""A committed SET stays on the pooled connection and affects the next task that uses it.

When a connection is returned, the pool sends ROLLBACK, which does not undo a committed SET. A
search_path, a role or a timeout that you SET stays on the pooled connection. Use SET LOCAL, whose
effect ends with the transaction. To undo every SET, a listener of the pool's `reset` event can send
RESET ALL, which costs extra round trips.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#reset-on-return
"""

from typing import Any

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, right, variant, wrong

SHOW = text("SHOW statement_timeout")


async def next_user(engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        return str(await connection.scalar(SHOW))


@wrong
async def committed(engine: AsyncEngine) -> str:
    """SET a timeout, then commit"""
    async with engine.begin() as connection:
        await connection.execute(text("SET statement_timeout = '7s'"))
    return await next_user(engine)


@variant
async def rolled_back(engine: AsyncEngine) -> str:
    """SET a timeout, and return the connection without a commit"""
    async with engine.connect() as connection:
        await connection.execute(text("SET statement_timeout = '7s'"))
    return await next_user(engine)


@right
async def local(engine: AsyncEngine) -> str:
    """set a timeout with SET LOCAL, then commit"""
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = '7s'"))
    return await next_user(engine)


@right(engine={"pool_reset_on_return": None})
async def reset(engine: AsyncEngine) -> str:
    """SET a timeout, then commit, with a reset listener that sends RESET ALL"""

    @event.listens_for(engine.sync_engine, "reset")
    def reset_all(connection: Any, *_: Any) -> None:
        connection.rollback()
        connection.cursor().execute("RESET ALL")
        connection.commit()

    return str(await committed(engine))


def check(
    committed: Observation, rolled_back: Observation, local: Observation, reset: Observation
) -> None:
    assert committed.value == "7s"
    assert rolled_back.value == local.value == reset.value == "0"
    assert reset.round_trips > committed.round_trips


main = main_of(__name__)
