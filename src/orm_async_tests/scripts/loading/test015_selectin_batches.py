"""selectinload() sends one more statement for every 500 parents.

SQLAlchemy puts the parents' keys into IN lists of at most 500 keys, and sends one statement for
each list.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/relationships.html#select-in-loading
"""

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from orm_async_tests.harness import Observation, main_of, variant
from orm_async_tests.models import User

PARENTS = 1001
BATCH = 500


async def seed(connection: AsyncConnection) -> None:
    names = f"SELECT 'username-' || n FROM generate_series(1, {PARENTS}) n"
    await connection.execute(text(f"INSERT INTO users (username) {names}"))


@variant
async def one_batch(session: AsyncSession) -> dict[str, int]:
    """load 500 users with selectinload()"""
    query = select(User).limit(BATCH).options(selectinload(User.points))
    return {"users": len((await session.scalars(query)).all())}


@variant
async def many_batches(session: AsyncSession) -> dict[str, int]:
    """load 1001 users with selectinload()"""
    query = select(User).options(selectinload(User.points))
    return {"users": len((await session.scalars(query)).all())}


@variant
async def joined(session: AsyncSession) -> dict[str, int]:
    """load 1001 users with joinedload()"""
    query = select(User).options(joinedload(User.points))
    return {"users": len((await session.scalars(query)).unique().all())}


def check(one_batch: Observation, many_batches: Observation, joined: Observation) -> None:
    assert one_batch.value == {"users": BATCH}
    assert len(one_batch.sql) == 1 + 1

    assert many_batches.value == joined.value == {"users": PARENTS}
    assert len(many_batches.sql) == 1 + 3
    assert len(joined.sql) == 1


main = main_of(__name__)
