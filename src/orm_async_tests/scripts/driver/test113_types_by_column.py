"""JSONB, arrays, enums, ranges and UUIDs become Python values if a column declares their type.

The type of a mapped column converts the value that the driver returns. A text() statement has no
column types, so you get the driver's values unchanged. Declare the types of a text() statement with
its method columns(), or use select().

Docs: https://docs.sqlalchemy.org/en/21/core/sqlelement.html#sqlalchemy.sql.expression.TextClause.columns
"""

import enum
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, MetaData, insert, select, text
from sqlalchemy.dialects.postgresql import INT4RANGE, JSONB, Range
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, Stack, main_of, variant


class Grade(enum.Enum):
    EASY = "T1"
    ALPINE = "T4"


class Base(DeclarativeBase):
    metadata = MetaData(schema="test113")


class Hike(Base):
    __tablename__ = "hikes"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    notes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    heights: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    grade: Mapped[Grade]
    days: Mapped[Range[int]] = mapped_column(INT4RANGE)


NAMES = ("id", "notes", "heights", "grade", "days")
VALUES = (UUID(int=113), {"snow": True}, [1700, 2400], Grade.ALPINE, Range(3, 5))
HIKE = dict(zip(NAMES, VALUES, strict=True))


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Hike).values(HIKE))


@variant
async def by_text(session: AsyncSession) -> dict[str, object]:
    """select the columns with text()"""
    row = await session.execute(text(f"SELECT {', '.join(NAMES)} FROM test113.hikes"))
    return dict(zip(NAMES, row.one(), strict=True))


@variant
async def by_columns(session: AsyncSession) -> dict[str, object]:
    """select the mapped columns with select()"""
    row = await session.execute(select(*(getattr(Hike, name) for name in NAMES)))
    return dict(zip(NAMES, row.one(), strict=True))


def check(stack: Stack, by_text: Observation, by_columns: Observation) -> None:
    assert by_columns.value == HIKE
    assert by_text.value["grade"] == "ALPINE"
    assert type(by_text.value["days"]).__module__.startswith(stack.driver)  # the driver's Range


main = main_of(__name__)
