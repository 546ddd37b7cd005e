"""IN needs a new statement for every length of its list, but `= ANY` needs only one statement.

SQLAlchemy writes one parameter per element of an IN list, so the SQL text differs for every length
of the list. The server needs a separate prepared statement for every SQL text. With `= ANY`, the
list is a single parameter, an array of any length.

Docs: https://docs.sqlalchemy.org/en/21/core/sqlelement.html#sqlalchemy.sql.expression.any_
"""

from sqlalchemy import ARRAY, Integer, any_, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

LENGTHS = range(1, 6)


@wrong
async def in_a_list(session: AsyncSession) -> dict[str, list[int]]:
    """execute `WHERE id IN (...)` with lists of 1 to 5 elements"""
    counts = []
    for length in LENGTHS:
        ids = list(range(1, length + 1))
        users = await session.scalars(select(User.username).where(User.id.in_(ids)))
        counts.append(len(users.all()))
    return {"matching users": counts}


@right
async def any_of_an_array(session: AsyncSession) -> dict[str, list[int]]:
    """execute `WHERE id = ANY (array)` with arrays of 1 to 5 elements"""
    counts = []
    for length in LENGTHS:
        ids = literal(list(range(1, length + 1)), ARRAY(Integer))
        users = await session.scalars(select(User.username).where(User.id == any_(ids)))
        counts.append(len(users.all()))
    return {"matching users": counts}


def check(in_a_list: Observation, any_of_an_array: Observation) -> None:
    assert in_a_list.value == any_of_an_array.value == {"matching users": [1, 2, 3, 3, 3]}
    assert len(set(in_a_list.sql)) == len(LENGTHS)
    assert len(set(any_of_an_array.sql)) == 1


main = main_of(__name__)
