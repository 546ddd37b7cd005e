"""A queue does each job once with SKIP LOCKED; without, all workers take one.

A plain SELECT shows the same first job to every worker. FOR UPDATE alone makes them wait in turn.
With SKIP LOCKED each gets the first job that nobody holds, and a worker that dies gives its job
back with its transaction.

Docs: https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE
Docs: https://docs.sqlalchemy.org/en/21/core/selectable.html#sqlalchemy.sql.expression.Select.with_for_update
"""

import asyncio
from typing import Any

from sqlalchemy import MetaData, Select, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong

WORKERS, JOBS = 4, 20


class Base(DeclarativeBase):
    metadata = MetaData(schema="test99")


class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    runs: Mapped[int]


NEXT = select(Job).where(Job.runs == 0).order_by(Job.id).limit(1)


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Job), [{"runs": 0} for _ in range(JOBS)])


async def work(Session: Sessions, take: Select[Any], together: asyncio.Barrier) -> None:
    for _ in range(JOBS // WORKERS):
        async with Session() as session:
            job = (await session.scalars(take)).one()
            await together.wait()  # every worker has its job
            job.runs = Job.runs + 1
            await session.commit()
            await together.wait()


async def all_work(Session: Sessions, take: Select[Any]) -> dict[str, int]:
    """How many jobs were done, and how often the one that was done most often."""
    together = asyncio.Barrier(WORKERS)
    await asyncio.gather(*(work(Session, take, together) for _ in range(WORKERS)))
    async with Session() as session:
        runs = await session.execute(select(func.count(), func.max(Job.runs)).where(Job.runs > 0))
        done, most = runs.one()
        return {"jobs done": done, "most runs of one job": most}


@wrong
async def plain_select(Session: Sessions) -> dict[str, int]:
    """four workers take the next job by SELECT"""
    return await all_work(Session, NEXT)


@right
async def skip_locked(Session: Sessions) -> dict[str, int]:
    """four workers take the next job by SELECT ... FOR UPDATE SKIP LOCKED"""
    return await all_work(Session, NEXT.with_for_update(skip_locked=True))


def check(plain_select: Observation, skip_locked: Observation) -> None:
    assert plain_select.value == {"jobs done": JOBS // WORKERS, "most runs of one job": WORKERS}
    assert skip_locked.value == {"jobs done": JOBS, "most runs of one job": 1}


main = main_of(__name__)
