from datetime import datetime, timezone
from typing import Annotated

from sqlalchemy import TIMESTAMP, Column, DateTime, MetaData, Table, insert, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

moment = Annotated[datetime, mapped_column(DateTime, nullable=False)]
zoned = Annotated[datetime, mapped_column(DateTime(timezone=True))]


def utcnow() -> datetime:
    return datetime.now(timezone.utc)


class Base(DeclarativeBase):
    pass


class Named(Base):
    __abstract__ = True

    def published(self) -> None: ...


class Entry(Base):
    __tablename__ = "entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    published: Mapped[moment]
    finished: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=False))
    changed: Mapped[zoned]


shifts = Table(
    "shifts",
    MetaData(),
    Column("started", TIMESTAMP, default=utcnow),  # OAT603
    Column("ended", TIMESTAMP(timezone=True), default=utcnow),
)


async def store(session: AsyncSession, items):
    rows = [{"published": datetime.fromtimestamp(item, timezone.utc)} for item in items]  # OAT603
    await session.execute(insert(Entry), rows)
    await session.execute(update(Entry).values(finished=utcnow()))  # OAT603


def to_row(item):
    print(item)
    return {"finished": utcnow(), "changed": utcnow()}  # OAT603


def to_zoned_row(item):
    return {"changed": datetime.fromtimestamp(item, timezone.utc), "finished": None}


async def store_rows(session: AsyncSession, items):
    await session.execute(insert(Entry), [to_row(item) for item in items])
    await session.execute(insert(Entry), [to_zoned_row(item) for item in items])
    await session.execute(insert(Entry), to_zoned_row(items[0]))


async def store_parsed(session: AsyncSession, moment: str):
    finished = datetime.strptime(moment, "%Y-%m-%d %H:%M:%S %z")
    await session.execute(update(Entry).values(finished=finished))  # OAT603


# Right


async def store_with_a_zone(session: AsyncSession, items):
    rows = [{"changed": datetime.fromtimestamp(item, timezone.utc)} for item in items]
    await session.execute(insert(Entry), rows)
    await session.execute(update(Entry).values(changed=utcnow()))


def name(published=utcnow()):
    return Named(published=published)


async def store_parsed_without_a_zone(session: AsyncSession, moment: str):
    finished = datetime.strptime(moment, "%Y-%m-%d %H:%M:%S")
    await session.execute(update(Entry).values(finished=finished))
