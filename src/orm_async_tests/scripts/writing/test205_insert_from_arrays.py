"""A session interprets the parameters of an INSERT as a row, unless dml_strategy is "raw".

In the parameters of an ORM insert(), the session expects keys that name mapped attributes. If you
pass arrays as the parameters of insert().from_select(), the session treats the arrays as the
columns of a row and raises AttributeError. With dml_strategy="raw", the session passes the arrays
to the statement unchanged, and one INSERT from unnest() writes all rows.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/dml.html#orm-queryguide-bulk-insert
Symptom: you get AttributeError "'str' object has no attribute 'table'" with "bulk_persistence.py"
in the traceback.
"""

from sqlalchemy import ARRAY, Float, MetaData, Text, bindparam, column, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong

ROWS = 200
NAMES = [f"hut {number}" for number in range(ROWS)]
HEIGHTS = [2000 + number / 4 for number in range(ROWS)]
ARRAYS = {"names": NAMES, "heights": HEIGHTS}


class Base(DeclarativeBase):
    metadata = MetaData(schema="test205")


class Hut(Base):
    __tablename__ = "huts"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    height: Mapped[float]


NEW_ROWS = (
    func.unnest(bindparam("names", type_=ARRAY(Text)), bindparam("heights", type_=ARRAY(Float)))
    .table_valued(column("name", Text), column("height", Float))
    .render_derived()
)
INSERT = insert(Hut).from_select(["name", "height"], select(NEW_ROWS.c.name, NEW_ROWS.c.height))
TOTALS = select(func.count(Hut.id).label("huts"), func.sum(Hut.height).label("height"))


@wrong
async def usual(engine: AsyncEngine) -> dict[str, int | float]:
    """execute insert().from_select() with arrays"""
    async with AsyncSession(engine) as session:
        await session.execute(INSERT, ARRAYS)
        return {**(await session.execute(TOTALS)).one()._mapping}


@right
async def raw(engine: AsyncEngine) -> dict[str, int | float]:
    """with dml_strategy="raw", execute insert().from_select() with arrays"""
    async with AsyncSession(engine) as session:
        await session.execute(INSERT, ARRAYS, execution_options={"dml_strategy": "raw"})
        return {**(await session.execute(TOTALS)).one()._mapping}


def check(usual: Observation, raw: Observation) -> None:
    assert isinstance(usual.error, AttributeError)
    assert usual.sql == []
    assert raw.value == {"huts": ROWS, "height": sum(HEIGHTS)}
    assert len(raw.sql) == 2


main = main_of(__name__)
