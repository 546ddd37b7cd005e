"""Renaming a column breaks the running release: add a new column, and drop the old one later.

During a rollout, processes of the new and of the old release run at the same time. First expand the
schema: add the new column, allow NULL in the old column, and roll out code that writes both
columns. After the last process of the old release has ended, fill the new column, and roll out code
that uses only the new column. Finally, contract the schema: drop the old column.

Docs: https://martinfowler.com/bliki/ParallelChange.html
Symptom: you get an error (SQLSTATE 42703) "column ... of relation ... does not exist".
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, MetaData, column, func, insert, select, table, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong

RENAME = "ALTER TABLE test163.walks RENAME name TO title"
EXPAND = "ALTER TABLE test163.walks ADD title text, ALTER name DROP NOT NULL"
FILL = "UPDATE test163.walks SET title = name WHERE title IS NULL"
CONTRACT = "ALTER TABLE test163.walks DROP name, ALTER title SET NOT NULL"


class Base(DeclarativeBase):
    metadata = MetaData(schema="test163")


class Walk(Base):
    __tablename__ = "walks"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


Release = tuple[Sequence[str], ColumnElement[str]]  # columns written, and expression read
WALKS = table("walks", column("name"), column("title"), schema="test163")
OLD: Release = (["name"], WALKS.c.name)
BOTH: Release = (["name", "title"], func.coalesce(WALKS.c.title, WALKS.c.name))
NEW: Release = (["title"], WALKS.c.title)


async def migrate(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(statement))


async def serve(engine: AsyncEngine, *releases: Release) -> list[int | None]:
    counts = []
    for written, read in releases:
        async with engine.begin() as connection:
            await connection.execute(insert(WALKS).values(dict.fromkeys(written, "a walk")))
            counts.append(await connection.scalar(select(func.count(read))))
    return counts


@wrong
async def in_one_step(engine: AsyncEngine) -> list[int | None]:
    """rename the column"""
    await migrate(engine, RENAME)
    return await serve(engine, NEW, OLD)


@right
async def in_parallel(engine: AsyncEngine) -> dict[str, list[int | None]]:
    """add a new column, write both columns, fill the new column, then drop the old column"""
    await migrate(engine, EXPAND)
    counts = await serve(engine, OLD, BOTH, OLD)
    await migrate(engine, FILL)
    counts += await serve(engine, BOTH, NEW, BOTH)
    await migrate(engine, CONTRACT)
    return {"walks counted": counts + await serve(engine, NEW)}


def check(in_one_step: Observation, in_parallel: Observation) -> None:
    assert in_one_step.sqlstate == "42703"
    assert in_parallel.value == {"walks counted": [1, 2, 3, 4, 5, 6, 7]}


main = main_of(__name__)
