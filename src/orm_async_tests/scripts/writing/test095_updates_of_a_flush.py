"""A flush of N objects sends N UPDATEs with eager_defaults=True, but one UPDATE without it.

With eager_defaults=True, each UPDATE returns the values that the server computes. Without
eager_defaults=True, SQLAlchemy passes all rows as parameters of one UPDATE.

Docs: https://docs.sqlalchemy.org/en/21/orm/mapping_api.html#sqlalchemy.orm.Mapper.params.eager_defaults
"""

from datetime import datetime

from sqlalchemy import MetaData, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, variant

ROWS = 10


class Base(DeclarativeBase):
    metadata = MetaData(schema="test95")
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]
    changed: Mapped[datetime | None] = mapped_column(onupdate=func.localtimestamp())


class Eager(Base):
    __tablename__ = "eager"
    __mapper_args__ = {"eager_defaults": True}


class Job(Base):
    __tablename__ = "jobs"


async def seed(connection: AsyncConnection) -> None:
    for model in (Eager, Job):
        await connection.execute(insert(model), [{"state": "new"} for _ in range(ROWS)])


async def change(session: AsyncSession, model: type[Eager] | type[Job]) -> None:
    for job in await session.scalars(select(model)):
        job.state = "done"
    await session.commit()


@variant
async def eager_defaults(session: AsyncSession) -> None:
    """change every object, and let RETURNING fetch the column `changed`"""
    await change(session, Eager)


@variant
async def objects(session: AsyncSession) -> None:
    """change every object, and let the attribute `changed` expire"""
    await change(session, Job)


@variant
async def by_primary_key(session: AsyncSession) -> None:
    """execute update() with a list of dictionaries that contain the primary keys"""
    await session.execute(update(Job), [{"id": n + 1, "state": "done"} for n in range(ROWS)])
    await session.commit()


@variant
async def by_where(session: AsyncSession) -> None:
    """update all rows with one update() that has a WHERE"""
    await session.execute(update(Job).where(Job.state == "new").values(state="done"))
    await session.commit()


def check(
    eager_defaults: Observation,
    objects: Observation,
    by_primary_key: Observation,
    by_where: Observation,
) -> None:
    observations = (eager_defaults, objects, by_primary_key, by_where)
    updates = [
        sum(sql.startswith("UPDATE") for sql in observation.sql) for observation in observations
    ]
    assert updates == [ROWS, 1, 1, 1]


main = main_of(__name__)
