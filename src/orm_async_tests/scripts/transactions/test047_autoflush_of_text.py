"""Since SQLAlchemy 2.1, a text() statement first flushes pending objects.

In SQLAlchemy 2.0, session.execute(text(...)) did not flush, so the statement did not see added
objects. If your code must behave the same on SQLAlchemy 2.0 and 2.1, call flush() yourself.

Docs: https://docs.sqlalchemy.org/en/21/changelog/migration_21.html
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, Stack, main_of, variant
from orm_async_tests.models import User

ALSO = "aiosqlite"
COUNT = text("SELECT count(*) FROM users WHERE username = 'new'")


@variant
async def relying(session: AsyncSession) -> dict[str, int]:
    """add an object, then execute text()"""
    session.add(User(username="new"))
    return {"rows counted": int(await session.scalar(COUNT) or 0)}


@variant
async def flushing(session: AsyncSession) -> dict[str, int]:
    """add an object, flush, then execute text()"""
    session.add(User(username="new"))
    await session.flush()
    return {"rows counted": int(await session.scalar(COUNT) or 0)}


def check(stack: Stack, relying: Observation, flushing: Observation) -> None:
    assert flushing.value == {"rows counted": 1}
    flushed = not stack.sqlalchemy.startswith("2.0")
    assert relying.value == ({"rows counted": 1 if flushed else 0})
    assert len(relying.sql) == (2 if flushed else 1)


main = main_of(__name__)
