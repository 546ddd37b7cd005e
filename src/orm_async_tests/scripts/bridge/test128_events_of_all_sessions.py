"""To listen to all sessions, listen on a sessionmaker that you pass as sync_session_class.

A listener on the sync_session of one AsyncSession receives only the events of this AsyncSession.
You cannot listen on an async_sessionmaker, but you can listen on a synchronous sessionmaker. If you
pass a sessionmaker as sync_session_class, every AsyncSession contains a session of this
sessionmaker.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#examples-of-event-listeners-with-async-engines-sessions-sessionmakers
"""

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import sessionmaker

from orm_async_tests.harness import Observation, main_of, right, wrong

ALSO = "aiosqlite"


@wrong
async def of_one_session(engine: AsyncEngine) -> dict[str, int]:
    """add a listener to the first of two sessions, then commit both sessions"""
    commits: list[object] = []
    make = async_sessionmaker(engine)
    async with make() as one, make() as two:
        event.listen(one.sync_session, "before_commit", commits.append)
        for session in (one, two):
            async with session.begin():
                await session.connection()
    return {"commits heard": len(commits)}


@right
async def of_the_factory(engine: AsyncEngine) -> dict[str, int]:
    """add a listener to the sessionmaker of two sessions, then commit both sessions"""
    commits: list[object] = []
    factory = sessionmaker()
    make = async_sessionmaker(engine, sync_session_class=factory)
    event.listen(factory, "before_commit", commits.append)
    async with make() as one, make() as two:
        for session in (one, two):
            async with session.begin():
                await session.connection()
    return {"commits heard": len(commits)}


def check(of_one_session: Observation, of_the_factory: Observation) -> None:
    assert of_one_session.value == {"commits heard": 1}
    assert of_the_factory.value == {"commits heard": 2}


main = main_of(__name__)
