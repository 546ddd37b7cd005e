"""IntegrityError does not say which rule was broken: its SQLSTATE does.

A name that is taken (23505), a parent that is missing (23503), a NULL (23502) and a CHECK (23514)
are all IntegrityError. `error.orig.sqlstate` tells them apart; the text of the message may be in
any language.

Symptom: IntegrityError 23503 "violates foreign key constraint"
Docs: https://www.postgresql.org/docs/current/errcodes-appendix.html
Docs: https://docs.sqlalchemy.org/en/21/core/exceptions.html#sqlalchemy.exc.IntegrityError
"""

from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong

MEANS = {"23505": "the name is taken", "23503": "there is no such tour"}


class Base(DeclarativeBase):
    metadata = MetaData(schema="test110")


class Tour(Base):
    __tablename__ = "tours"
    id: Mapped[int] = mapped_column(primary_key=True)


class Stage(Base):
    __tablename__ = "stages"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    tour_id: Mapped[int] = mapped_column(ForeignKey("test110.tours.id"))


@wrong
async def by_the_class(session: AsyncSession) -> str:
    """a stage of a tour that is not there: answer to IntegrityError"""
    session.add(Stage(name="Matrei", tour_id=1))
    try:
        await session.commit()
    except IntegrityError:
        return "the name is taken"
    return "added"


@right
async def by_the_sqlstate(session: AsyncSession) -> str:
    """the same: answer to its SQLSTATE"""
    session.add(Stage(name="Matrei", tour_id=1))
    try:
        await session.commit()
    except IntegrityError as error:
        return MEANS[getattr(error.orig, "sqlstate", "")]
    return "added"


def check(by_the_class: Observation, by_the_sqlstate: Observation) -> None:
    assert by_the_class.value == MEANS["23505"]
    assert by_the_sqlstate.value == MEANS["23503"]


main = main_of(__name__)
