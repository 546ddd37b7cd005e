"""A query for the base class leaves the columns of its subclasses unloaded.

In joined-table inheritance, the columns of a subclass are in a separate table. After a query for
the base class, reading a column of a subclass is a lazy load, which raises MissingGreenlet (xd2s).
The option selectin_polymorphic() sends one more statement per subclass. The construct
with_polymorphic() joins the tables of all subclasses in one statement.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/inheritance.html
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_load_expired" in the traceback.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ForeignKey, MetaData, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    mapped_column,
    selectin_polymorphic,
    with_polymorphic,
)

from orm_async_tests.harness import Observation, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test42")


class Device(Base):
    __tablename__ = "device"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "device"}


class Watch(Device):
    __tablename__ = "watch"
    id: Mapped[int] = mapped_column(ForeignKey(Device.id), primary_key=True)
    strap: Mapped[str]
    __mapper_args__ = {"polymorphic_identity": "watch"}


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(text("INSERT INTO test42.device (kind) VALUES ('watch')"))
    await connection.execute(text("INSERT INTO test42.watch (id, strap) VALUES (1, 'leather')"))


def read_straps(devices: Iterable[Any]) -> list[str]:
    return [device.strap for device in devices]


@wrong
async def base(session: AsyncSession) -> list[str]:
    """execute select(Device)"""
    return read_straps(await session.scalars(select(Device)))


@right
async def selectin(session: AsyncSession) -> list[str]:
    """execute select(Device) with selectin_polymorphic()"""
    query = select(Device).options(selectin_polymorphic(Device, [Watch]))
    return read_straps(await session.scalars(query))


@right
async def polymorphic(session: AsyncSession) -> list[str]:
    """execute select(with_polymorphic())"""
    query = select(with_polymorphic(Device, "*"))
    return read_straps(await session.scalars(query))


def check(base: Observation, selectin: Observation, polymorphic: Observation) -> None:
    assert base.code == "xd2s"
    assert selectin.value == polymorphic.value == ["leather"]
    assert [len(run.sql) for run in (base, selectin, polymorphic)] == [1, 2, 1]


main = main_of(__name__)
