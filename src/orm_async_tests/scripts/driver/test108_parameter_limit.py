"""On asyncpg, a statement takes at most 32767 parameters, but an array counts as one.

PostgreSQL's protocol counts a statement's parameters in a 16-bit number. A long IN list can exceed
the limit of 32767 parameters, but `= ANY` has a single parameter. SQLAlchemy splits an insert()
with a list into batches that stay below the limit of parameters.

Docs: https://www.postgresql.org/docs/current/limits.html
Symptom: you get InterfaceError "the number of query arguments cannot exceed 32767".
"""

from sqlalchemy import ARRAY, Integer, any_, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ONLY = "asyncpg"
LIMIT = 32767
COUNT = select(func.count(User.id))


@wrong
async def in_a_list(session: AsyncSession) -> int | None:
    """execute `WHERE id IN (...)` with 32768 elements"""
    return await session.scalar(COUNT.where(User.id.in_(range(LIMIT + 1))))


@right
async def any_of_an_array(session: AsyncSession) -> dict[str, int | None]:
    """execute `WHERE id = ANY (array)` with an array of 32768 elements"""
    ids = literal(list(range(LIMIT + 1)), ARRAY(Integer))
    return {"matching users": await session.scalar(COUNT.where(User.id == any_(ids)))}


@right
async def insert_a_list(session: AsyncSession) -> dict[str, int]:
    """execute insert() of 32768 rows with RETURNING"""
    rows = [{"username": f"walker-{number}"} for number in range(LIMIT + 1)]
    return {
        "ids returned": len((await session.scalars(insert(User).returning(User.id), rows)).all())
    }


def check(in_a_list: Observation, any_of_an_array: Observation, insert_a_list: Observation) -> None:
    assert type(in_a_list.error).__name__ == "InterfaceError"
    assert in_a_list.sql == []
    assert any_of_an_array.value == {"matching users": 3}
    assert insert_a_list.value == {"ids returned": LIMIT + 1}


main = main_of(__name__)
