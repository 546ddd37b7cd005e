"""After a failover the whole unit of work has to run again, not the rest of it.

The transaction died with the primary: to send the failed statement again on the next connection
stores half of the work. While no server is a primary, connecting fails: by an OSError on asyncpg,
by an OperationalError on psycopg. A commit whose answer was lost may be there already: what is run
again has to bear that (test154).

Symptom: asyncpg: DBAPIError 08003 "connection was closed in the middle of operation"
Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#dealing-with-disconnects
"""

from sqlalchemy import URL, insert, select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import MakeEngine, Observation, Standby, main_of, right, wrong
from orm_async_tests.models import User

ONE, TWO = insert(User).values(username="one"), insert(User).values(username="two")
ADDED = select(User.username).where(User.username.in_(["one", "two"])).order_by(User.id)


def either(*urls: URL) -> URL:
    hosts = tuple(f"{each.query['host']}:5432" for each in urls)
    return urls[0].set(query={"host": hosts, "target_session_attrs": "primary"})


async def added(engine: AsyncEngine) -> list[str]:
    async with AsyncSession(engine) as session:
        return list(await session.scalars(ADDED))


@wrong
async def the_rest(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, object]:
    """add two users, a failover in between; roll back, and send the failed statement again"""
    engine = make_engine(either(primary_url, standby_url))
    async with AsyncSession(engine) as session:
        await session.execute(ONE)
        standby.primary.kill()
        standby.promote()
        try:
            await session.execute(TWO)
        except DBAPIError:
            await session.rollback()
            await session.execute(TWO)
        await session.commit()
    return {"users added": await added(engine)}


@right
async def all_of_it(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, object]:
    """the same, but run all again, also when at first there is no primary"""
    engine = make_engine(either(primary_url, standby_url))
    for attempt in (1, 2, 3):
        try:
            async with AsyncSession(engine) as session, session.begin():
                await session.execute(ONE)
                standby.primary.kill()  # once it is dead this changes nothing
                await session.execute(TWO)
        except (DBAPIError, OSError) as error:
            invalidated = isinstance(error, DBAPIError) and error.connection_invalidated
            if not (invalidated or isinstance(error, OSError | OperationalError)):
                raise
            if attempt == 2:
                standby.promote()
        else:
            break
    return {"attempts": attempt, "users added": await added(engine)}


def check(the_rest: Observation, all_of_it: Observation) -> None:
    assert the_rest.value == {"users added": ["two"]}
    assert all_of_it.value == {"attempts": 3, "users added": ["one", "two"]}


main = main_of(__name__)
