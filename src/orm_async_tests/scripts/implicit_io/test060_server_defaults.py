"""After an INSERT you can read server defaults, because RETURNING fetches them.

By default, SQLAlchemy adds RETURNING to an INSERT. With eager_defaults=False, a flush expires the
server defaults, and reading one raises MissingGreenlet (xd2s).

Docs: https://docs.sqlalchemy.org/en/21/orm/mapping_api.html#sqlalchemy.orm.Mapper.params.eager_defaults
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_load_expired" and ".created_at" in the traceback.
"""

from datetime import datetime

from sqlalchemy import MetaData, func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test60")


class Auto(Base):
    __tablename__ = "auto"
    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Never(Base):
    __tablename__ = "never"
    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    __mapper_args__ = {"eager_defaults": False}


@wrong
async def never(session: AsyncSession) -> dict[str, bool]:
    """flush with eager_defaults=False, and read the server default"""
    row = Never()
    session.add(row)
    await session.flush()
    return {"default is a time": isinstance(row.created_at, datetime)}


@right
async def auto(session: AsyncSession) -> dict[str, bool]:
    """flush with eager_defaults="auto", and read the server default"""
    row = Auto()
    session.add(row)
    await session.flush()
    return {"default is a time": isinstance(row.created_at, datetime)}


def check(never: Observation, auto: Observation) -> None:
    assert never.code == "xd2s"
    assert auto.value == {"default is a time": True}
    assert len(never.sql) == len(auto.sql) == 1


main = main_of(__name__)
