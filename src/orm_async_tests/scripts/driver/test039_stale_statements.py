"""An ALTER TABLE that you send with text() makes cached statements of other connections fail once.

A prepared statement of asyncpg remembers the columns that it returns. When SQLAlchemy executes a
DDL() element, it clears the statement cache of every connection in the process. SQLAlchemy does not
notice an ALTER TABLE that you send with text() or from another process, so the next execution of a
cached statement fails. After a stale cached statement has failed, run the whole transaction again.

Docs: https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#prepared-statement-cache
Symptom: you get InvalidCachedStatementError (SQLSTATE 0A000) "cached statement plan is invalid".
"""

from contextlib import suppress

from sqlalchemy import DDL, Executable, MetaData, text
from sqlalchemy.exc import NotSupportedError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong

ONLY = "asyncpg"
ALTER = "ALTER TABLE test39.walk ADD COLUMN name text"
READ = text("SELECT * FROM test39.walk")


class Base(DeclarativeBase):
    metadata = MetaData(schema="test39")


class Walk(Base):
    __tablename__ = "walk"
    id: Mapped[int] = mapped_column(primary_key=True)


async def alter(engine: AsyncEngine, statement: Executable) -> None:
    async with engine.begin() as connection:
        await connection.execute(statement)


@wrong
async def by_text(engine: AsyncEngine) -> dict[str, int]:
    """send ALTER TABLE with text() on another connection"""
    async with engine.connect() as reader:
        await reader.execute(READ)
        await reader.commit()
        await alter(engine, text(ALTER))
        return {"columns": len((await reader.execute(READ)).keys())}


@right
async def by_ddl(engine: AsyncEngine) -> dict[str, int]:
    """send ALTER TABLE with DDL() on another connection"""
    async with engine.connect() as reader:
        await reader.execute(READ)
        await reader.commit()
        await alter(engine, DDL(ALTER))
        return {"columns": len((await reader.execute(READ)).keys())}


@right
async def retried(engine: AsyncEngine) -> dict[str, int]:
    """send ALTER TABLE with text(), and run the failed transaction again"""
    async with engine.connect() as reader:
        await reader.execute(READ)
        await reader.commit()
        await alter(engine, text(ALTER))
        with suppress(NotSupportedError):
            await reader.execute(READ)
        await reader.rollback()
        return {"columns": len((await reader.execute(READ)).keys())}


def check(by_text: Observation, by_ddl: Observation, retried: Observation) -> None:
    assert isinstance(by_text.error, NotSupportedError)
    assert by_ddl.value == retried.value == {"columns": 2}
    assert len(by_ddl.sql) == 3


main = main_of(__name__)
