"""If an object's __repr__ reads an attribute, you cannot log the object after a commit.

If __repr__ raises an exception, the module `logging` prints the traceback to standard error and
loses the message. In __repr__, read only loaded values, for example through self.__dict__.

Docs: https://docs.sqlalchemy.org/en/21/errors.html#error-xd2s
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_load_expired" and "in __repr__" in the traceback.
"""

from sqlalchemy import MetaData, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test65")


class Walk(Base):
    __tablename__ = "walk"
    id: Mapped[int] = mapped_column(primary_key=True)

    def __repr__(self) -> str:
        return f"<Walk {self.id}>"


class Careful(Base):
    __tablename__ = "careful"
    id: Mapped[int] = mapped_column(primary_key=True)

    def __repr__(self) -> str:
        return f"<Careful {self.__dict__.get('id')}>"


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(text("INSERT INTO test65.walk DEFAULT VALUES"))
    await connection.execute(text("INSERT INTO test65.careful DEFAULT VALUES"))


@wrong
async def reading(session: AsyncSession) -> str:
    """commit, then log an object whose __repr__ reads self.id"""
    walk = (await session.scalars(select(Walk))).one()
    await session.commit()
    return f"walked {walk!r}"


@right
async def careful(session: AsyncSession) -> str:
    """commit, then log an object whose __repr__ reads self.__dict__"""
    walk = (await session.scalars(select(Careful))).one()
    await session.commit()
    return f"walked {walk!r}"


def check(reading: Observation, careful: Observation) -> None:
    assert reading.code == "xd2s"
    assert careful.value == "walked <Careful None>"


main = main_of(__name__)
