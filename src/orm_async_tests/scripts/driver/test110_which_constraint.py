"""Every failed constraint raises IntegrityError, and only the SQLSTATE tells which kind failed.

A duplicate name (23505), a missing parent (23503), a NULL (23502) and a failed CHECK (23514) all
raise IntegrityError. Read the SQLSTATE from `error.orig.sqlstate`. Do not search the text of the
error message, because the server may write it in another language.

Docs: https://www.postgresql.org/docs/current/errcodes-appendix.html
Symptom: you get IntegrityError (SQLSTATE 23503) "violates foreign key constraint".
"""

from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong

MEANINGS = {"23505": "the name is taken", "23503": "there is no such tour"}


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
    """add a stage of an unknown tour, and read only the class of the error"""
    session.add(Stage(name="Matrei", tour_id=1))
    try:
        await session.commit()
    except IntegrityError:
        return "the name is taken"
    return "added"


@right
async def by_the_sqlstate(session: AsyncSession) -> str:
    """add a stage of an unknown tour, and read the SQLSTATE of the error"""
    session.add(Stage(name="Matrei", tour_id=1))
    try:
        await session.commit()
    except IntegrityError as error:
        return MEANINGS[getattr(error.orig, "sqlstate", "")]
    return "added"


def check(by_the_class: Observation, by_the_sqlstate: Observation) -> None:
    assert by_the_class.value == MEANINGS["23505"]
    assert by_the_sqlstate.value == MEANINGS["23503"]


main = main_of(__name__)
