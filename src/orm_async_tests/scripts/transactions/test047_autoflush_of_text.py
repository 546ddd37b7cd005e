"""Since 2.1 a textual statement flushes pending objects first, as other statements do.

In 2.0 session.execute(text(...)) went to the server without a flush, so it did not see objects that
had been added. Call flush() yourself if your code has to behave alike on 2.0 and 2.1.

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
    """add, then text()"""
    session.add(User(username="new"))
    return {"rows counted": int(await session.scalar(COUNT) or 0)}


@variant
async def flushing(session: AsyncSession) -> dict[str, int]:
    """add, flush, then text()"""
    session.add(User(username="new"))
    await session.flush()
    return {"rows counted": int(await session.scalar(COUNT) or 0)}


def check(stack: Stack, relying: Observation, flushing: Observation) -> None:
    assert flushing.value == {"rows counted": 1}
    flushed = not stack.sqlalchemy.startswith("2.0")
    assert relying.value == ({"rows counted": 1 if flushed else 0})
    assert len(relying.sql) == (2 if flushed else 1)


main = main_of(__name__)
