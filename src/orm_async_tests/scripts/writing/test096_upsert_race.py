"""Select-then-insert loses the race with 23505; ON CONFLICT has no race to lose.

Two sessions look for the row, find nothing, and both insert it: the second one's commit fails, and
all its work with it. ON CONFLICT DO UPDATE decides on the server. With RETURNING and
populate_existing it gives the object as it is now (test72).

Symptom: IntegrityError 23505 "duplicate key value violates unique constraint"
Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/dml.html#orm-upsert-statements
Docs: https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT
"""

from sqlalchemy import MetaData, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test96")


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    uses: Mapped[int]


@wrong
async def select_then_insert(Session: Sessions) -> None:
    """both sessions select, then both insert"""
    async with Session() as one, Session() as two:
        for session in (one, two):
            if await session.scalar(select(Tag).where(Tag.name == "alps")) is None:
                session.add(Tag(name="alps", uses=1))
        await one.commit()
        await two.commit()


@right
async def on_conflict(Session: Sessions) -> dict[str, list[int]]:
    """both sessions insert, on conflict update"""
    first = insert(Tag).values(name="alps", uses=1)
    upsert = first.on_conflict_do_update(index_elements=[Tag.name], set_={"uses": Tag.uses + 1})
    uses = []
    async with Session() as one, Session() as two:
        for session in (one, two):
            found = await session.scalars(
                upsert.returning(Tag), execution_options={"populate_existing": True}
            )
            uses.append(found.one().uses)
            await session.commit()
    return {"uses": uses}


def check(select_then_insert: Observation, on_conflict: Observation) -> None:
    assert select_then_insert.sqlstate == "23505"
    assert on_conflict.value == {"uses": [1, 2]}


main = main_of(__name__)
