"""An upsert with RETURNING gives the object that was there, with its old values.

The row comes back, finds its object in the identity map, and leaves it alone. With
populate_existing the row is written into the object. The same holds for an upsert.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/api.html#populate-existing
"""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"
NEW = insert(User).values(id=1, username="new")
UPSERT = NEW.on_conflict_do_update(index_elements=["id"], set_={"username": "new"}).returning(User)


@wrong
async def stale(session: AsyncSession) -> str:
    """upsert, RETURNING"""
    mine = await session.get_one(User, 1)  # kept: the identity map holds it weakly
    upserted = (await session.scalars(UPSERT)).one()
    return upserted.username if upserted is mine else ""


@right
async def fresh(session: AsyncSession) -> str:
    """the same with populate_existing"""
    mine = await session.get_one(User, 1)
    options = {"populate_existing": True}
    upserted = (await session.scalars(UPSERT, execution_options=options)).one()
    return upserted.username if upserted is mine else ""


def check(stale: Observation, fresh: Observation) -> None:
    assert stale.value == "username-1"
    assert fresh.value == "new"
    assert len(stale.sql) == len(fresh.sql) == 2


main = main_of(__name__)
