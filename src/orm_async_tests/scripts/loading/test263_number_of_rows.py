"""scalar_one() fails unless exactly one row matches, but scalar() returns the first of many rows.

If no row matches, scalar_one(), one() and get_one() raise NoResultFound. If several rows match,
scalar_one(), one() and scalar_one_or_none() raise MultipleResultsFound. With scalar() or first(),
you get None if no row matches, but you do not notice that several rows match.

Docs: https://docs.sqlalchemy.org/en/21/core/connections.html#sqlalchemy.engine.Result.scalar_one
Symptom: you get NoResultFound "No row was found when one was required".
Symptom: you get MultipleResultsFound "Multiple rows were found when".
"""

from sqlalchemy import select
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, variant, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"
MISSING = select(User.id).where(User.id == 99)
THREE = select(User.id).order_by(User.id)
Id = dict[str, int | None]


@wrong
async def one_of_none(session: AsyncSession) -> Id:
    """call scalar_one() if no row matches"""
    return {"id": (await session.execute(MISSING)).scalar_one()}


@wrong
async def one_of_three(session: AsyncSession) -> Id:
    """call scalar_one_or_none() if three rows match"""
    return {"id": (await session.execute(THREE)).scalar_one_or_none()}


@variant
async def first_of_three(session: AsyncSession) -> Id:
    """call scalar() if three rows match"""
    return {"id": await session.scalar(THREE)}


@right
async def none_of_none(session: AsyncSession) -> Id:
    """call scalar_one_or_none() if no row matches"""
    return {"id": (await session.execute(MISSING)).scalar_one_or_none()}


@right
async def limited(session: AsyncSession) -> Id:
    """call scalar_one_or_none() on a query with order_by() and limit(1)"""
    return {"id": (await session.execute(THREE.limit(1))).scalar_one_or_none()}


def check(
    one_of_none: Observation,
    one_of_three: Observation,
    first_of_three: Observation,
    none_of_none: Observation,
    limited: Observation,
) -> None:
    assert isinstance(one_of_none.error, NoResultFound)
    assert isinstance(one_of_three.error, MultipleResultsFound)
    assert first_of_three.value == limited.value == {"id": 1}
    assert none_of_none.value == {"id": None}


main = main_of(__name__)
