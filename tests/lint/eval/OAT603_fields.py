from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, Field
from sqlalchemy import DateTime, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    pass


class Parcel(Base):
    __tablename__ = "parcel"
    id: Mapped[int] = mapped_column(primary_key=True)
    sent: Mapped[datetime]
    zoned: Mapped[datetime] = mapped_column(DateTime(timezone=True))


@dataclass
class Sent:
    parcel: int
    at: datetime = field(default_factory=now)


@dataclass
class Period:
    start: datetime
    end: datetime


class Scan(BaseModel):
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


async def store_event(session: AsyncSession, event: Sent):
    session.add(Parcel(sent=event.at))  # OAT603


async def store_scan(session: AsyncSession, scan: Scan):
    session.add(Parcel(sent=scan.at))  # OAT603


async def count_today(session: AsyncSession):
    today = Period(now().replace(hour=0), end=now())
    await session.scalars(select(Parcel).where(Parcel.sent > today.start))  # OAT603


class Retention:
    @property
    def limit(self) -> datetime:
        return datetime.now(UTC) - timedelta(days=9)


async def count_expired(session: AsyncSession, retention: Retention):
    expired = Parcel.sent < retention.limit  # OAT603
    await session.scalars(select(Parcel).where(expired))


async def store_default(session: AsyncSession, at: datetime | None = None, *, late: bool):
    sent = at or datetime.now(UTC)
    session.add(Parcel(sent=sent if late else None))  # OAT603


async def store_missing(session: AsyncSession, at: datetime | None = None):
    if at is None:
        at = now()
    session.add(Parcel(sent=at))  # OAT603


async def store_values(session: AsyncSession, scan: Scan):
    values = scan.model_dump()
    values["sent"] = now()  # OAT603
    session.add(Parcel(**values))


# Right


async def store_zoned(session: AsyncSession, event: Sent, scan: Scan):
    values = scan.model_dump()
    values["zoned"] = event.at
    session.add(Parcel(**values))


async def store_naive(session: AsyncSession, at: datetime):
    at = at.astimezone(UTC)
    at = at.replace(tzinfo=None)
    session.add(Parcel(sent=at))


async def count_naive(session: AsyncSession):
    today = Period(datetime.now(), end=now())
    await session.scalars(select(Parcel).where(Parcel.sent > today.start))
