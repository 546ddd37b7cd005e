"""To route statements to several engines, override get_bind() of Session, not of AsyncSession.

AsyncSession contains a synchronous Session, which chooses the engine for every statement. Override
get_bind() in a subclass of Session, and pass the class as sync_session_class.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncSession.get_bind
"""

from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong

READ_ONLY = {"postgresql_readonly": True}
ASK = text("SELECT current_setting('transaction_read_only')")


@wrong
async def on_the_async_session(engine: AsyncEngine, make_engine: MakeEngine) -> object:
    """override AsyncSession.get_bind() to return a read-only engine"""
    replica = make_engine(execution_options=READ_ONLY)

    class Routing(AsyncSession):
        def get_bind(self, *_: Any, **__: Any) -> Engine:
            return replica.sync_engine

    async with Routing(engine) as session:
        return await session.scalar(ASK)


@right
async def on_the_session(engine: AsyncEngine, make_engine: MakeEngine) -> object:
    """override get_bind() of the sync_session_class to return a read-only engine"""
    replica = make_engine(execution_options=READ_ONLY)

    class Routing(Session):
        def get_bind(self, *_: Any, **__: Any) -> Engine:
            return replica.sync_engine

    async with AsyncSession(engine, sync_session_class=Routing) as session:
        return await session.scalar(ASK)


def check(on_the_async_session: Observation, on_the_session: Observation) -> None:
    assert on_the_async_session.value == "off"
    assert on_the_session.value == "on"


main = main_of(__name__)
