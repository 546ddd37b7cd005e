"""default=datetime.now() gives all rows the same time, because Python calls it only once.

Python calls datetime.now() once, at import, and every INSERT uses the same value. Pass a function
as `default`, and SQLAlchemy calls it for every INSERT. You can also let the server compute the
time.

Docs: https://docs.sqlalchemy.org/en/21/core/defaults.html#python-executed-functions
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, MetaData, distinct, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test225")
    type_annotation_map = {datetime: DateTime(timezone=True)}


def now() -> datetime:
    return datetime.now(UTC)


class Walk(Base):
    __tablename__ = "walks"

    id: Mapped[int] = mapped_column(primary_key=True)
    at_import: Mapped[datetime] = mapped_column(default=datetime.now(UTC))
    at_insert: Mapped[datetime] = mapped_column(default=now)
    by_server: Mapped[datetime] = mapped_column(server_default=func.now())


async def count_times(session: AsyncSession, column: Any) -> dict[str, int | None]:
    for _ in range(2):
        session.add(Walk())
        await session.commit()
    return {"times": await session.scalar(select(func.count(distinct(column))))}


@wrong
async def value(session: AsyncSession) -> dict[str, int | None]:
    """declare default=datetime.now(UTC)"""
    return await count_times(session, Walk.at_import)


@right
async def function(session: AsyncSession) -> dict[str, int | None]:
    """declare default=now"""
    return await count_times(session, Walk.at_insert)


@right
async def server(session: AsyncSession) -> dict[str, int | None]:
    """declare server_default=func.now()"""
    return await count_times(session, Walk.by_server)


def check(value: Observation, function: Observation, server: Observation) -> None:
    assert value.value == {"times": 1}
    assert function.value == server.value == {"times": 2}


main = main_of(__name__)
