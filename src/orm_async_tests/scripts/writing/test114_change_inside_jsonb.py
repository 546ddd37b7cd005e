"""A change inside a JSONB dictionary sends no UPDATE unless the column uses MutableDict.

For a plain JSONB column, the session notices a change only if you assign a value to the attribute.
A MutableDict reports changes of its own keys, but not changes inside nested lists and dictionaries.
If you change a list or dictionary inside a MutableDict, assign it to its key again.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/mutable.html
"""

from typing import Any

from sqlalchemy import MetaData, insert
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test114")


class Hike(Base):
    __tablename__ = "hikes"
    id: Mapped[int] = mapped_column(primary_key=True)
    plain: Mapped[dict[str, Any]] = mapped_column(JSONB)
    tracked: Mapped[dict[str, Any]] = mapped_column(MutableDict.as_mutable(JSONB))


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Hike).values(plain={"snow": 0}, tracked={"snow": 0}))


@wrong
async def plain_dictionary(session: AsyncSession) -> dict[str, object]:
    """change a value inside a plain JSONB column"""
    hike = await session.get_one(Hike, 1)
    hike.plain["snow"] = 40
    await session.commit()
    await session.refresh(hike)
    return {"snow": hike.plain["snow"]}


@right
async def mutable_dictionary(session: AsyncSession) -> dict[str, object]:
    """change a value inside a MutableDict column"""
    hike = await session.get_one(Hike, 1)
    hike.tracked["snow"] = 40
    await session.commit()
    await session.refresh(hike)
    return {"snow": hike.tracked["snow"]}


def check(plain_dictionary: Observation, mutable_dictionary: Observation) -> None:
    assert plain_dictionary.value == {"snow": 0}
    assert mutable_dictionary.value == {"snow": 40}
    assert [sql.split()[0] for sql in plain_dictionary.sql] == ["SELECT", "SELECT"]


main = main_of(__name__)
