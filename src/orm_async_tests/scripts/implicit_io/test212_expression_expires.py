"""An attribute set to an SQL expression expires at flush, and reading it raises MissingGreenlet.

The database computes the value of an SQL expression, so the session does not know the value.
Reading an expired attribute would need a SELECT, which asyncio does not allow without an await. The
setting eager_defaults=True does not load an attribute that you have set to an SQL expression,
because the setting fetches only server defaults. After the flush, call refresh() for an attribute
that you have set to an SQL expression.

Docs: https://docs.sqlalchemy.org/en/21/orm/persistence_techniques.html#embedding-sql-insert-update-expressions-into-a-flush
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_load_expired" in the traceback.
"""

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test212")


class Counter(Base):
    __tablename__ = "counters"

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int]


class EagerCounter(Base):
    __tablename__ = "eager_counters"
    __mapper_args__ = {"eager_defaults": True}

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int]


async def seed(connection: AsyncConnection) -> None:
    for table in Base.metadata.sorted_tables:
        await connection.execute(table.insert().values(id=1, value=41))


@wrong
async def read_after_flush(session: AsyncSession) -> dict[str, int]:
    """set an attribute to an SQL expression, flush, and read the attribute"""
    counter = await session.get_one(Counter, 1)
    counter.value = Counter.value + 1
    await session.flush()
    return {"value": counter.value}


@right
async def refreshed(session: AsyncSession) -> dict[str, int]:
    """set an attribute to an SQL expression, flush, refresh, and read the attribute"""
    counter = await session.get_one(Counter, 1)
    counter.value = Counter.value + 1
    await session.flush()
    await session.refresh(counter, ["value"])
    return {"value": counter.value}


@wrong
async def eager_defaults(session: AsyncSession) -> dict[str, int]:
    """with eager_defaults=True, set an attribute to an SQL expression, flush, and read it"""
    counter = await session.get_one(EagerCounter, 1)
    counter.value = EagerCounter.value + 1
    await session.flush()
    return {"value": counter.value}


def check(
    read_after_flush: Observation, refreshed: Observation, eager_defaults: Observation
) -> None:
    assert read_after_flush.code == eager_defaults.code == "xd2s"
    assert refreshed.value == {"value": 42}


main = main_of(__name__)
