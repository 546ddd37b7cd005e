"""After an UPDATE, reading a column with onupdate=func.now() raises MissingGreenlet.

With onupdate=func.now(), the server computes the new value, so the flush expires the attribute.
SQLAlchemy fetches server-computed values after an INSERT, but after an UPDATE only with
eager_defaults=True. A Python function as onupdate does not expire the attribute.

Docs: https://docs.sqlalchemy.org/en/21/orm/mapping_api.html#sqlalchemy.orm.Mapper.params.eager_defaults
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_load_expired" and ".updated_at" in the traceback.
"""

from datetime import UTC, datetime

from sqlalchemy import DateTime, MetaData, func
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test08")
    type_annotation_map = {datetime: DateTime(timezone=True)}
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Usual(Base):
    __tablename__ = "usual"


class Eager(Base):
    __tablename__ = "eager"
    __mapper_args__ = {"eager_defaults": True}


class Computed(Base):
    __tablename__ = "computed"
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), onupdate=lambda: datetime.now(UTC)
    )


@wrong
async def usual(engine: AsyncEngine) -> dict[str, bool]:
    """change an object, commit, and read its `updated_at`"""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add(row := Usual(name="old"))
        await session.commit()
        row.name = "new"
        await session.commit()
        return {"changed after created": row.updated_at > row.created_at}


@right
async def eager(engine: AsyncEngine) -> dict[str, bool]:
    """change an object, commit, and read its `updated_at`, with eager_defaults=True"""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add(row := Eager(name="old"))
        await session.commit()
        row.name = "new"
        await session.commit()
        return {"changed after created": row.updated_at > row.created_at}


@right
async def computed(engine: AsyncEngine) -> dict[str, bool]:
    """change an object, commit, and read its `updated_at`, with a Python function as onupdate"""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add(row := Computed(name="old"))
        await session.commit()
        row.name = "new"
        await session.commit()
        return {"changed after created": row.updated_at > row.created_at}


@right
async def refreshed(engine: AsyncEngine) -> dict[str, bool]:
    """change an object, commit, refresh the object, and read its `updated_at`"""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add(row := Usual(name="old"))
        await session.commit()
        row.name = "new"
        await session.commit()
        await session.refresh(row)
        return {"changed after created": row.updated_at > row.created_at}


def check(
    usual: Observation, eager: Observation, computed: Observation, refreshed: Observation
) -> None:
    assert usual.code == "xd2s"
    assert eager.value == computed.value == refreshed.value == {"changed after created": True}
    assert [len(run.sql) for run in (usual, eager, computed, refreshed)] == [2, 2, 2, 3]
    assert ["RETURNING" in run.sql[1] for run in (usual, eager)] == [False, True]


main = main_of(__name__)
