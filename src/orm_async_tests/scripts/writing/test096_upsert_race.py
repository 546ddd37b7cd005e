"""SELECT and then INSERT can fail in a race (23505), but INSERT with ON CONFLICT cannot.

If two sessions look for a row, find nothing and both insert the row, the second session fails with
SQLSTATE 23505. With ON CONFLICT DO UPDATE, the server decides whether to insert or to update.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/dml.html#orm-upsert-statements
Symptom: you get IntegrityError (SQLSTATE 23505) "duplicate key value violates unique constraint".
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
    """both sessions SELECT, then both INSERT"""
    async with Session() as one, Session() as two:
        for session in (one, two):
            if await session.scalar(select(Tag).where(Tag.name == "alps")) is None:
                session.add(Tag(name="alps", uses=1))
        await one.commit()
        await two.commit()


@right
async def on_conflict(Session: Sessions) -> dict[str, list[int]]:
    """both sessions INSERT with ON CONFLICT DO UPDATE"""
    first = insert(Tag).values(name="alps", uses=1)
    upsert = first.on_conflict_do_update(index_elements=[Tag.name], set_={"uses": Tag.uses + 1})
    uses = []
    async with Session() as one, Session() as two:
        for session in (one, two):
            tags = await session.scalars(
                upsert.returning(Tag), execution_options={"populate_existing": True}
            )
            uses.append(tags.one().uses)
            await session.commit()
    return {"uses": uses}


def check(select_then_insert: Observation, on_conflict: Observation) -> None:
    assert select_then_insert.sqlstate == "23505"
    assert on_conflict.value == {"uses": [1, 2]}


main = main_of(__name__)
