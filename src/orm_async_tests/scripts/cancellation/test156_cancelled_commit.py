"""A cancelled COMMIT raises CancelledError, whether or not the server kept the rows.

In this script, COMMIT waits for a concurrent transaction. If you cancel `await session.commit()`,
the server cancels the COMMIT and keeps none of the changes. If you cancel the task at the end of
`async with Session.begin()`, SQLAlchemy completes the COMMIT and then raises CancelledError. After
CancelledError or TimeoutError, the transaction may have been committed, so retry with a unique key
(test154).

Docs: https://docs.sqlalchemy.org/en/21/changelog/changelog_20.html#change-2.0.55
Docs: https://www.postgresql.org/docs/current/sql-set-constraints.html
"""

import asyncio

from sqlalchemy import MetaData, UniqueConstraint, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Activity, Observation, main_of, variant


class Base(DeclarativeBase):
    metadata = MetaData(schema="test156")


class Job(Base):
    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("name", deferrable=True, initially="DEFERRED"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


@variant
async def commit(engine: AsyncEngine, activity: Activity) -> dict[str, object]:
    """cancel `await session.commit()` while the COMMIT waits"""

    async def work() -> None:
        async with async_sessionmaker(engine)() as session:
            session.add(Job(name="sweep"))
            await session.commit()

    async with engine.connect() as rival:
        await rival.execute(insert(Job).values(name="sweep"))
        task = asyncio.create_task(work())
        await activity.until_blocked()
        task.cancel()
        await asyncio.wait([task])
        await rival.rollback()
        rows = await rival.scalar(select(func.count(Job.id)))
    return {"task cancelled": task.cancelled(), "rows": rows}


@variant
async def exit_of_begin(engine: AsyncEngine, activity: Activity) -> dict[str, object]:
    """cancel the exit of `async with Session.begin()` while the COMMIT waits"""

    async def work() -> None:
        async with async_sessionmaker(engine).begin() as session:
            session.add(Job(name="sweep"))

    async with engine.connect() as rival:
        await rival.execute(insert(Job).values(name="sweep"))
        task = asyncio.create_task(work())
        await activity.until_blocked()
        task.cancel()
        await rival.rollback()
        await asyncio.wait([task])
        rows = await rival.scalar(select(func.count(Job.id)))
    return {"task cancelled": task.cancelled(), "rows": rows}


def check(commit: Observation, exit_of_begin: Observation) -> None:
    assert commit.value == {"task cancelled": True, "rows": 0}
    assert exit_of_begin.value == {"task cancelled": True, "rows": 1}


main = main_of(__name__)
