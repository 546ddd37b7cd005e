"""An upsert with RETURNING returns an already loaded object with its old values.

If the session already contains the object of a returned row, the object keeps its old values. With
populate_existing, SQLAlchemy overwrites the loaded object with the values of the returned row.

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
    """load a user, then upsert the user with RETURNING"""
    loaded = await session.get_one(User, 1)  # the identity map does not keep it alive
    upserted = (await session.scalars(UPSERT)).one()
    return upserted.username if upserted is loaded else ""


@right
async def fresh(session: AsyncSession) -> str:
    """load a user, then upsert the user with RETURNING and populate_existing"""
    loaded = await session.get_one(User, 1)
    options = {"populate_existing": True}
    upserted = (await session.scalars(UPSERT, execution_options=options)).one()
    return upserted.username if upserted is loaded else ""


def check(stale: Observation, fresh: Observation) -> None:
    assert stale.value == "username-1"
    assert fresh.value == "new"
    assert len(stale.sql) == len(fresh.sql) == 2


main = main_of(__name__)
