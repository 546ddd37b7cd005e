"""freeze() fetches the rows of a stream, so that you can read the rows several times.

A frozen result keeps its rows. If you call a frozen result, you get a new result with the same
rows, and SQLAlchemy sends no SQL. Before SQLAlchemy 2.0.56 and 2.1.6, calling the frozen result of
a stream raised TypeError. In every SQLAlchemy release, you can freeze the result of execute().

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncResult.freeze
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, Upstream, main_of, right, variant
from orm_async_tests.models import User

DEFECT = Upstream(
    "freeze() fetches no rows of a stream, and calling the frozen result raises TypeError",
    {"sqlalchemy": ">=2.0,<2.0.56 or >=2.1,<2.1.6"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13689",
    "wrong error",
)
NAMES = select(User.username).order_by(User.id)


@variant(warns=True)
async def streamed(engine: AsyncEngine) -> dict[str, list[str]]:
    """freeze the result of stream(), and read the frozen result twice"""
    async with engine.connect() as connection:
        frozen = await (await connection.stream(NAMES)).freeze()
    return {"first": list(frozen().scalars()), "second": list(frozen().scalars())}


@right
async def executed(engine: AsyncEngine) -> dict[str, list[str]]:
    """freeze the result of execute(), and read the frozen result twice"""
    async with engine.connect() as connection:
        frozen = (await connection.execute(NAMES)).freeze()
    return {"first": list(frozen().scalars()), "second": list(frozen().scalars())}


def check(streamed: Observation, executed: Observation) -> None:
    names = ["username-1", "username-2", "username-3"]
    assert executed.value == {"first": names, "second": names}
    assert len(executed.sql) == 1
    with DEFECT:
        assert streamed.warnings == []
        assert streamed.value == executed.value
        assert len(streamed.sql) == 1


main = main_of(__name__)
