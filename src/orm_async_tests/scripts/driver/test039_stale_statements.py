"""After ALTER by text() other connections fail once: their statements are stale.

asyncpg's prepared statements remember the columns that they gave. SQLAlchemy forgets its cache
in all connections of the process when it sees DDL, and text() is not seen as DDL: DDL() is.
What another process alters is never seen; the first statement fails there (and rolls back),
and the next one is prepared anew.

Symptom: InvalidCachedStatementError 0A000 "cached statement plan is invalid"
Docs: https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#prepared-statement-cache
"""

from contextlib import suppress

from sqlalchemy import DDL, Executable, MetaData, text
from sqlalchemy.exc import NotSupportedError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Seen, main_of, right, wrong

ONLY = "asyncpg"
ALTER = "ALTER TABLE test39.walk ADD COLUMN name text"
ALL = text("SELECT * FROM test39.walk")


class Base(DeclarativeBase):
    metadata = MetaData(schema="test39")


class Walk(Base):
    __tablename__ = "walk"
    id: Mapped[int] = mapped_column(primary_key=True)


async def columns(engine: AsyncEngine, alter: Executable, again: bool = False) -> dict[str, int]:
    async with engine.connect() as one:
        await one.execute(ALL)
        await one.commit()
        async with engine.begin() as other:
            await other.execute(alter)
        if not again:
            return {"columns": len((await one.execute(ALL)).keys())}
        with suppress(NotSupportedError):
            await one.execute(ALL)
        await one.rollback()
        return {"columns": len((await one.execute(ALL)).keys())}


@wrong
async def by_text(engine: AsyncEngine) -> dict[str, int]:
    """text("ALTER ...") on another connection"""
    return await columns(engine, text(ALTER))


@right
async def by_ddl(engine: AsyncEngine) -> dict[str, int]:
    """DDL("ALTER ...") on another connection"""
    return await columns(engine, DDL(ALTER))


@right
async def tried_again(engine: AsyncEngine) -> dict[str, int]:
    """text("ALTER ..."), and the transaction that failed is tried again"""
    return await columns(engine, text(ALTER), again=True)


def check(by_text: Seen, by_ddl: Seen, tried_again: Seen) -> None:
    assert isinstance(by_text.error, NotSupportedError)
    assert by_ddl.value == tried_again.value == {"columns": 2}
    assert len(by_ddl.sql) == 3


main = main_of(__name__)
