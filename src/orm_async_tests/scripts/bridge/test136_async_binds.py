"""Since SQLAlchemy 2.1, you can bind a mapped class to an async engine with bind_mapper().

AsyncSession.get_bind() returns a synchronous engine, which async code cannot use.
AsyncSession.get_async_bind() returns the async engine. AsyncSession.bind_mapper() sends the
statements of one class to another engine. To choose the engine for every statement, see test124.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncSession.get_async_bind
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import MakeEngine, Observation, main_of, variant
from orm_async_tests.models import User

SINCE = "2.1"
ASK = select(User.id, func.current_setting("transaction_read_only")).limit(1)


@variant
async def usual(engine: AsyncEngine, session: AsyncSession) -> dict[str, object]:
    """get the engine of a mapped class, and check whether the engine is read-only"""
    answer = (await session.execute(ASK)).one()
    return {"is its engine": session.get_async_bind(User) is engine, "read only": answer[1]}


@variant
async def bound(session: AsyncSession, make_engine: MakeEngine) -> dict[str, object]:
    """bind the mapped class to a read-only engine, then get the engine of the class"""
    replica = make_engine(execution_options={"postgresql_readonly": True})
    session.bind_mapper(User, replica)
    answer = (await session.execute(ASK)).one()
    return {"is its engine": session.get_async_bind(User) is replica, "read only": answer[1]}


def check(usual: Observation, bound: Observation) -> None:
    assert usual.value == {"is its engine": True, "read only": "off"}
    assert bound.value == {"is its engine": True, "read only": "on"}


main = main_of(__name__)
