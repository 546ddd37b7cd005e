"""A committed SET outlives its user: the next one of the pool gets it too.

The pool sends ROLLBACK when a connection comes back, and that undoes what was not committed.
What was committed stays with the backend: a search_path, a role, a timeout. SET LOCAL ends
with its transaction. A reset event can send more than ROLLBACK, at the price of its round
trips for every checkout.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#reset-on-return
"""

from typing import Any

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, right, variant, wrong

NEEDS = ("wire",)
SHOW = text("SHOW statement_timeout")


async def next_user(engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        return str(await connection.scalar(SHOW))


@wrong
async def committed(engine: AsyncEngine) -> str:
    """SET, commit"""
    async with engine.begin() as connection:
        await connection.execute(text("SET statement_timeout = '7s'"))
    return await next_user(engine)


@variant
async def rolled_back(engine: AsyncEngine) -> str:
    """SET, and no commit"""
    async with engine.connect() as connection:
        await connection.execute(text("SET statement_timeout = '7s'"))
    return await next_user(engine)


@right
async def local(engine: AsyncEngine) -> str:
    """SET LOCAL, commit"""
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = '7s'"))
    return await next_user(engine)


@right(engine={"pool_reset_on_return": None})
async def reset(engine: AsyncEngine) -> str:
    """SET, commit, and a reset event that sends RESET ALL"""

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
