"""Since 2.1 an AsyncSession binds a mapper to an async engine, and tells it back.

get_bind() answers with the synchronous engine inside, which is of no use under asyncio;
get_async_bind() gives the AsyncEngine, and AsyncBindNotFound where there is none. bind_mapper()
routes what is asked of one class elsewhere, as binds= does when the session is made (test124 routes
by the statement).

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
    """ask for the engine of a class, and whether it is the read-only one"""
    answer = (await session.execute(ASK)).one()
    return {"its own engine": session.get_async_bind(User) is engine, "read only": answer[1]}


@variant
async def bound(session: AsyncSession, make_engine: MakeEngine) -> dict[str, object]:
    """bind the class to a read-only engine, and ask again"""
    replica = make_engine(execution_options={"postgresql_readonly": True})
    session.bind_mapper(User, replica)
    answer = (await session.execute(ASK)).one()
    return {"its own engine": session.get_async_bind(User) is replica, "read only": answer[1]}


def check(usual: Observation, bound: Observation) -> None:
    assert usual.value == {"its own engine": True, "read only": "off"}
    assert bound.value == {"its own engine": True, "read only": "on"}


main = main_of(__name__)
