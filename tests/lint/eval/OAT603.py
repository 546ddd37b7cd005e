from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import sqlalchemy as sa
from sqlalchemy import Column, DateTime, MetaData, Table, insert, select, update
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlmodel import Field, SQLModel

OPENED = datetime(2020, 1, 1, tzinfo=UTC)
BUILT = datetime(1950, 1, 1)


def utc_now():
    return datetime.now(UTC)


def naive_now() -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None)


class Base(DeclarativeBase):
    pass


class ZonedBase(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True)}


class Tour(Base):
    __tablename__ = "tours"
    a: Mapped[datetime] = mapped_column(default=utc_now)  # OAT603
    b: Mapped[datetime] = mapped_column(DateTime, default=lambda: datetime.now(UTC))  # OAT603
    c: Mapped[datetime | None] = mapped_column(onupdate=partial(datetime.now, UTC))  # OAT603
    d = Column(sa.DateTime(), default=lambda: datetime.now(tz=UTC) + timedelta(days=1))  # OAT603
    e: Mapped[datetime] = mapped_column(TIMESTAMP(), default=utc_now)  # OAT603
    plain: Mapped[datetime]
    zoned: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Hut(SQLModel, table=True):
    id: int = Field(primary_key=True)
    opened: datetime = Field(default_factory=lambda: datetime.now(UTC))  # OAT603


async def store(session, tour: Tour):
    session.add(Tour(plain=datetime.now(UTC), zoned=datetime.now(UTC)))  # OAT603
    await session.execute(insert(Tour).values(plain=OPENED))  # OAT603
    await session.execute(update(Tour).where(Tour.a == 1).values(plain=utc_now()))  # OAT603
    tour.plain = datetime.fromtimestamp(0, UTC)  # OAT603


visits = Table("visits", MetaData(), Column("at", DateTime), Column("end", DateTime(timezone=True)))


async def compare(session: AsyncSession):
    now = datetime.now(UTC)
    await session.execute(select(Tour).where(Tour.plain < now))  # OAT603
    await session.execute(select(Tour).where(now >= Tour.plain))  # OAT603
    await session.execute(select(Tour).where(~(Tour.plain < now)))  # OAT603
    await session.execute(select(Tour).where(Tour.plain.between(now, BUILT)))  # OAT603
    await session.execute(select(visits).where(visits.c.at == now))  # OAT603


async def write(session: AsyncSession):
    now = datetime.now(UTC)
    await session.execute(visits.insert().values(at=now))  # OAT603
    await session.execute(insert(visits).values([{"at": now}]))  # OAT603
    await session.execute(update(Tour).values({Tour.plain: now}))  # OAT603
    await session.execute(update(Tour).values({"plain": now}))  # OAT603


async def change(session: AsyncSession):
    first = await session.get_one(Tour, 1)
    first.plain = utc_now()  # OAT603
    statement = select(Tour).where(Tour.id == 2)
    result = await session.execute(statement)
    second = result.scalar_one()
    second.plain = utc_now()  # OAT603
    for other in (await session.scalars(statement)).all():
        other.plain = utc_now()  # OAT603


async def close(session: AsyncSession):
    session.add(HutRow(id=1, closed=datetime.now(UTC)))  # OAT603


# Right


class Right(Base):
    __tablename__ = "rights"
    a: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=utc_now)
    b: Mapped[datetime] = mapped_column(default=naive_now)
    c: Mapped[datetime] = mapped_column(default=datetime.now)
    d: Mapped[str] = mapped_column(default=lambda: datetime.now(UTC).isoformat())
    e: Mapped[datetime] = mapped_column(default=sa.func.now(), server_default=sa.func.now())


class Zoned(ZonedBase):
    __tablename__ = "zoned"
    a: Mapped[datetime] = mapped_column(default=utc_now)


class Mixin:
    a: Mapped[datetime] = mapped_column(default=utc_now)


class WithZone(SQLModel, table=True):
    id: int = Field(primary_key=True)
    a: datetime = Field(default_factory=utc_now, sa_type=DateTime(timezone=True))


class HutBase(SQLModel):
    closed: datetime | None = None


class HutRow(HutBase, table=True):
    id: int = Field(primary_key=True)


class HutAnswer(HutBase):
    """A model without a table, for an answer in JSON."""


async def answer(session: AsyncSession):
    return HutAnswer(closed=datetime.now(UTC))


async def store_right(session, tour: Tour, right: Right):
    session.add(Tour(plain=BUILT, zoned=OPENED))
    await session.execute(insert(Tour).values(plain=naive_now(), zoned=utc_now()))
    right.a = datetime.now(UTC)


async def compare_columns(session: AsyncSession, tour: Tour):
    now = datetime.now(UTC)
    await session.execute(select(Tour).where(Tour.zoned < now, Tour.plain < naive_now()))
    await session.execute(visits.update().values(end=now, at=BUILT))
    await session.execute(update(Tour).values({Tour.zoned: now, Tour.plain: BUILT}))
    first = await session.get_one(Tour, 1)
    first.zoned = now
    return tour.plain < now, first.plain.replace(tzinfo=UTC) < now


async def replace_text(session: AsyncSession, names: list[str]):
    for _ in names:
        name = name.replace("a", "b")  # noqa: F821
        await session.execute(select(Tour).where(Tour.plain == name))


def is_over(tour: type[Tour]):
    return tour.plain < datetime.now(UTC) and not tour.zoned
