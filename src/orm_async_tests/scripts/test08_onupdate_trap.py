"""An onupdate column is unreadable after an UPDATE: expire_on_commit is no cure.

The server computes the value, and SQLAlchemy does not fetch it: the attribute is expired by
the flush itself, and reading it raises xd2s. eager_defaults="auto", the default, covers
INSERT alone. eager_defaults=True adds RETURNING to the UPDATE; refresh() asks afterwards.

Topic: implicit-io
Docs: https://github.com/sqlalchemy/sqlalchemy/issues/12182
Docs: https://docs.sqlalchemy.org/en/21/orm/mapping_api.html#sqlalchemy.orm.Mapper.params.eager_defaults
"""

from datetime import datetime

from sqlalchemy import DateTime, MetaData, func
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Seen, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test08")
    type_annotation_map = {datetime: DateTime(timezone=True)}


class Stamped:
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    changed: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Usual(Stamped, Base):
    __tablename__ = "usual"


class Eager(Stamped, Base):
    __tablename__ = "eager"
    __mapper_args__ = {"eager_defaults": True}


async def renamed(engine: AsyncEngine, row: Usual | Eager, refresh: bool = False) -> bool:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add(row)
        await session.commit()
        before = row.changed
        row.name = "new"
        await session.commit()
        if refresh:
            await session.refresh(row)
        return row.changed > before


@wrong
async def usual(engine: AsyncEngine) -> bool:
    """rename, commit, read `changed`"""
    return await renamed(engine, Usual(name="old"))


@right
async def eager(engine: AsyncEngine) -> bool:
    """the same with eager_defaults=True"""
    return await renamed(engine, Eager(name="old"))


@right
async def refreshed(engine: AsyncEngine) -> bool:
    """the same with refresh()"""
    return await renamed(engine, Usual(name="old"), refresh=True)


def check(usual: Seen, eager: Seen, refreshed: Seen) -> None:
    assert usual.code == "xd2s"
    assert "RETURNING" not in usual.sql[1]
    assert eager.value is refreshed.value is True
    assert "RETURNING" in eager.sql[1]
    assert [len(seen.sql) for seen in (usual, eager, refreshed)] == [2, 2, 3]


main = main_of(__name__)
