"""update() with a list runs once per row, but UPDATE with FROM unnest() runs once for all rows.

If you execute update() with a list of dictionaries, the server runs the statement once for every
dictionary. An UPDATE with FROM unnest() has arrays as parameters. The function unnest() turns the
arrays into rows, which the UPDATE joins by the key. `orm-async-tests bench update` shows how much
faster an UPDATE with arrays is than an UPDATE with a list of rows.

Docs: https://docs.sqlalchemy.org/en/21/core/selectable.html#sqlalchemy.sql.expression.TableValuedAlias
"""

from sqlalchemy import ARRAY, Integer, MetaData, bindparam, column, func, insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong

ROWS = 200
KEYS, BEDS = list(range(1, ROWS + 1)), list(range(ROWS))
TRIGGER = """CREATE SEQUENCE test201.statements START 1
CREATE FUNCTION test201.count_it() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN PERFORM nextval(''test201.statements''); RETURN NULL; END'
CREATE TRIGGER counted BEFORE UPDATE ON test201.huts EXECUTE FUNCTION test201.count_it()"""


class Base(DeclarativeBase):
    metadata = MetaData(schema="test201")


class Hut(Base):
    __tablename__ = "huts"
    id: Mapped[int] = mapped_column(primary_key=True)
    beds: Mapped[int]


BY_KEY = update(Hut).where(Hut.id == bindparam("key")).values(beds=bindparam("new"))
ARRAYS = (bindparam("keys", type_=ARRAY(Integer)), bindparam("news", type_=ARRAY(Integer)))
NEW_ROWS = (
    func.unnest(*ARRAYS)
    .table_valued(column("key", Integer), column("new", Integer))
    .render_derived()
)
FROM_ARRAYS = update(Hut).where(Hut.id == NEW_ROWS.c.key).values(beds=NEW_ROWS.c.new)


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Hut), [{"beds": 0} for _ in KEYS])
    for statement in TRIGGER.split("\nCREATE"):
        await connection.execute(text("CREATE" + statement.removeprefix("CREATE")))


async def read_outcome(connection: AsyncConnection) -> dict[str, int | None]:
    run = text("SELECT last_value FROM test201.statements")
    beds = text("SELECT sum(beds) FROM test201.huts")
    return {"run": await connection.scalar(run), "beds": await connection.scalar(beds)}


@wrong
async def list_of_rows(engine: AsyncEngine) -> dict[str, int | None]:
    """execute update() with a list of parameters"""
    async with engine.begin() as connection:
        rows = [{"key": key, "new": beds} for key, beds in zip(KEYS, BEDS, strict=True)]
        await connection.execute(BY_KEY, rows)
        return await read_outcome(connection)


@right
async def from_unnest(engine: AsyncEngine) -> dict[str, int | None]:
    """execute update() with FROM unnest()"""
    async with engine.begin() as connection:
        await connection.execute(FROM_ARRAYS, {"keys": KEYS, "news": BEDS})
        return await read_outcome(connection)


def check(list_of_rows: Observation, from_unnest: Observation) -> None:
    assert list_of_rows.value == {"run": ROWS, "beds": sum(BEDS)}
    assert from_unnest.value == {"run": 1, "beds": sum(BEDS)}
    assert len(list_of_rows.sql) == len(from_unnest.sql) == 3


main = main_of(__name__)
