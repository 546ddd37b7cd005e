"""If get_bind() sends SELECTs to a standby, a session does not find the rows that it has flushed.

If get_bind() chooses a server per statement, a flush goes to the primary, but the next SELECT goes
to the standby. A session that uses two servers has two transactions, so its SELECT does not find
the row that its flush has inserted. Choose the server once per session, as SQLAlchemy's
documentation recommends.

Docs: https://docs.sqlalchemy.org/en/21/orm/persistence_techniques.html#custom-vertical-partitioning
Symptom: you get an error (SQLSTATE 25006) "cannot execute INSERT in a read-only transaction".
"""

from typing import Any

from sqlalchemy import URL, Delete, Engine, Update, func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong
from orm_async_tests.models import User

NEW = select(func.count(User.id)).where(User.username == "new")


async def add_and_count(session: AsyncSession) -> dict[str, object]:
    session.add(User(username="new"))
    await session.flush()
    rows = await session.scalar(NEW)
    try:
        await session.execute(insert(User).values(username="newer"))
    except DBAPIError as error:
        return {"own rows": rows, "insert()": getattr(error.orig, "sqlstate", None)}
    return {"own rows": rows, "insert()": "executed"}


@wrong
async def by_statement(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL
) -> dict[str, object]:
    """send flushes, UPDATE and DELETE to the primary, and all other statements to the standby"""
    primary, standby = make_engine(primary_url), make_engine(standby_url)

    class Routing(Session):
        def get_bind(self, *_: Any, clause: Any = None, **__: Any) -> Engine:
            if self._flushing or isinstance(clause, Update | Delete):
                return primary.sync_engine
            return standby.sync_engine

    async with AsyncSession(sync_session_class=Routing) as session:
        return await add_and_count(session)


@right
async def by_session(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL
) -> dict[str, object]:
    """use one session factory for writes, and another session factory for reads"""
    writing = async_sessionmaker(make_engine(primary_url))
    reading = async_sessionmaker(make_engine(standby_url))
    async with reading() as session:
        await session.scalars(select(User))
    async with writing() as session:
        return await add_and_count(session)


def check(by_statement: Observation, by_session: Observation) -> None:
    assert by_statement.value == {"own rows": 0, "insert()": "25006"}
    assert by_session.value == {"own rows": 1, "insert()": "executed"}


main = main_of(__name__)
