"""Routing each statement by get_bind() hides from a session what it has flushed.

The flush goes to the primary and the SELECT after it to the standby: two connections with two
transactions, so the session does not find its own row, however fast replication is. insert() is
not a flush, and goes to the standby too. Choose once for each session, as the documentation
advises beside its own get_bind(): one factory for writing, one for reading.

Symptom: 25006 "cannot execute INSERT in a read-only transaction"
Docs: https://docs.sqlalchemy.org/en/21/orm/persistence_techniques.html#custom-vertical-partitioning
"""

from typing import Any

from sqlalchemy import URL, Delete, Engine, Update, func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong
from orm_async_tests.models import User

NEW = select(func.count(User.id)).where(User.username == "new")


async def add_and_look(session: AsyncSession) -> dict[str, object]:
    session.add(User(username="new"))
    await session.flush()
    found = await session.scalar(NEW)
    try:
        await session.execute(insert(User).values(username="newer"))
    except DBAPIError as error:
        return {"own rows found": found, "insert()": getattr(error.orig, "sqlstate", None)}
    return {"own rows found": found, "insert()": "executed"}


@wrong
async def by_statement(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL
) -> dict[str, object]:
    """flushes, UPDATE and DELETE go to the primary, all else to the standby; add, and look"""
    primary, standby = make_engine(primary_url), make_engine(standby_url)

    class Routing(Session):
        def get_bind(self, *_: Any, clause: Any = None, **__: Any) -> Engine:
            if self._flushing or isinstance(clause, Update | Delete):
                return primary.sync_engine
            return standby.sync_engine

    async with AsyncSession(sync_session_class=Routing) as session:
        return await add_and_look(session)


@right
async def by_session(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL
) -> dict[str, object]:
    """a factory for sessions that write, another one for those that read; add, and look"""
    writing = async_sessionmaker(make_engine(primary_url))
    reading = async_sessionmaker(make_engine(standby_url))
    async with reading() as session:
        await session.scalars(select(User))
    async with writing() as session:
        return await add_and_look(session)


def check(by_statement: Observation, by_session: Observation) -> None:
    assert by_statement.value == {"own rows found": 0, "insert()": "25006"}
    assert by_session.value == {"own rows found": 1, "insert()": "executed"}


main = main_of(__name__)
