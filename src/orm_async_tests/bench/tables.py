"""The tables that workloads write to, and rows that are bound as arrays."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    DateTime,
    Float,
    Integer,
    Select,
    SmallInteger,
    String,
    bindparam,
    column,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TYPES: dict[str, Any] = {
    "id": Integer,
    "user_id": Integer,
    "lat": Float(53),
    "lon": Float(53),
    "date": TIMESTAMP(timezone=True),
    "timestamp": TIMESTAMP(timezone=True),
    "level": SmallInteger,
    "text": String(255),
}


class Base(DeclarativeBase):
    """The bench's own tables."""

    type_annotation_map = {datetime: DateTime(timezone=True)}


class Mark(Base):
    """A row that a workload writes."""

    __tablename__ = "marks"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    lat: Mapped[float]
    lon: Mapped[float]
    date: Mapped[datetime]


class Entry(Base):
    """A line of a journal, as tortoise/orm-benchmarks has it."""

    __tablename__ = "journal"

    id: Mapped[int] = mapped_column(primary_key=True)
    timestamp: Mapped[datetime]
    level: Mapped[int] = mapped_column(SmallInteger, index=True)
    text: Mapped[str] = mapped_column(String(255), index=True)


def arrays_of(rows: Sequence[dict[str, Any]], names: tuple[str, ...]) -> dict[str, list[Any]]:
    """The rows as a list for each column, by its name with an s."""
    return {f"{name}s": [row[name] for row in rows] for name in names}


def unnested(*names: str) -> Select[Any]:
    """The rows of arrays that are bound by the columns' names with an s."""
    arrays = [bindparam(f"{name}s", type_=ARRAY(TYPES[name])) for name in names]
    columns = [column(name, TYPES[name]) for name in names]
    return select(func.unnest(*arrays).table_valued(*columns).render_derived(name="new"))
