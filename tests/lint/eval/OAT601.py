import datetime as dt
import time
import uuid
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Column, DateTime, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlmodel import Field, SQLModel

NOW = datetime.now(UTC)
KEY = str(uuid.uuid4())
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_now():
    return datetime.now(UTC)


def created_at():
    return mapped_column(default=datetime.now(UTC))  # OAT601


class Base(DeclarativeBase):
    pass


class Tour(Base):
    __tablename__ = "tours"
    a: Mapped[datetime] = mapped_column(default=datetime.now(UTC))  # OAT601
    b = Column(DateTime, default=dt.datetime.utcnow())  # OAT601
    c = sa.Column(sa.Integer, onupdate=int(time.time()))  # OAT601
    d: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4())  # OAT601
    e: Mapped[datetime] = mapped_column(default=utc_now())  # OAT601
    f: Mapped[datetime] = mapped_column(default=datetime.now(UTC) + timedelta(days=7))  # OAT601
    h: Mapped[datetime] = mapped_column(default=NOW)  # OAT601
    i: Mapped[str] = mapped_column(default=KEY)  # OAT601
    g = mapped_column(insert_default=datetime.now(UTC).replace(tzinfo=None))  # OAT601


OPTIONS = {"default": datetime.now(UTC)}  # OAT601


class Visit(Base):
    __tablename__ = "visits"
    a: Mapped[datetime] = mapped_column(**OPTIONS)
    b: Mapped[datetime] = mapped_column(sa.ColumnDefault(datetime.now(UTC)))  # OAT601


class Hut(SQLModel, table=True):
    id: int = Field(primary_key=True)
    opened: datetime = Field(default=datetime.now(UTC))  # OAT601


class Right(Base):
    __tablename__ = "rights"
    a: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=utc_now)
    b: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))
    c: Mapped[datetime] = mapped_column(default=func.now(), server_default=func.now())
    d: Mapped[dt.time] = mapped_column(default=dt.time(hour=12))
    e: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4)
    f: Mapped[datetime] = mapped_column(default=EPOCH)


class Renamed(Base):
    __tablename__ = "renamed"
    status: Mapped[str] = mapped_column(default="new")
    status = mapped_column("state", default=status)
    kind = mapped_column(default=kind)
