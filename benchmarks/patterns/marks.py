"""The table that workloads write to, and rows that are bound as one array for each column."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Float, Integer, Select, bindparam, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TYPES: dict[str, Any] = {
    "id": Integer,
    "user_id": Integer,
    "lat": Float(53),
    "lon": Float(53),
    "date": TIMESTAMP(timezone=True),
}


class Base(DeclarativeBase):
    """The declarative base of the benchmark's table."""

    type_annotation_map = {datetime: DateTime(timezone=True)}


class Mark(Base):
    """A row that a workload writes."""

    __tablename__ = "marks"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    lat: Mapped[float]
    lon: Mapped[float]
    date: Mapped[datetime]


def arrays_of(rows: Sequence[dict[str, Any]], names: tuple[str, ...]) -> dict[str, list[Any]]:
    """Return one list for each named column, under the column's name with an "s"."""
    return {f"{name}s": [row[name] for row in rows] for name in names}


def unnested(*names: str) -> Select[Any]:
    """Return a SELECT of the rows that are bound by `arrays_of` with the same names."""
    arrays = [bindparam(f"{name}s", type_=ARRAY(TYPES[name])) for name in names]
    columns = [column(name, TYPES[name]) for name in names]
    return select(func.unnest(*arrays).table_valued(*columns).render_derived(name="new"))
