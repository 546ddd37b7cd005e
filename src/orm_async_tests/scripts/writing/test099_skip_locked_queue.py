"""With FOR UPDATE SKIP LOCKED, every worker of a queue gets a different job.

A plain SELECT returns the same job to every worker. With SKIP LOCKED, every worker gets the first
job that no other transaction has locked. If a worker dies, its transaction ends, and another worker
can get the job.

Docs: https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE
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


async def work(Session: Sessions, query: Select[Any], together: asyncio.Barrier) -> None:
    for _ in range(JOBS // WORKERS):
        async with Session() as session:
            job = (await session.scalars(query)).one()
            await together.wait()  # until every worker has read a job
            job.runs = Job.runs + 1
            await session.commit()
            await together.wait()


async def run_workers(Session: Sessions, query: Select[Any]) -> dict[str, int]:
    together = asyncio.Barrier(WORKERS)
    await asyncio.gather(*(work(Session, query, together) for _ in range(WORKERS)))
    async with Session() as session:
        runs = await session.execute(select(func.count(), func.max(Job.runs)).where(Job.runs > 0))
        jobs, most = runs.one()
        return {"finished jobs": jobs, "most runs of one job": most}


@wrong
async def plain_select(Session: Sessions) -> dict[str, int]:
    """let four workers get the next job with SELECT"""
    return await run_workers(Session, NEXT)


@right
async def skip_locked(Session: Sessions) -> dict[str, int]:
    """let four workers get the next job with SELECT and FOR UPDATE SKIP LOCKED"""
    return await run_workers(Session, NEXT.with_for_update(skip_locked=True))


def check(plain_select: Observation, skip_locked: Observation) -> None:
    assert plain_select.value == {"finished jobs": JOBS // WORKERS, "most runs of one job": WORKERS}
    assert skip_locked.value == {"finished jobs": JOBS, "most runs of one job": 1}


main = main_of(__name__)
