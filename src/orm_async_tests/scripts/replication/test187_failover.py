"""After a failover, run the whole unit of work again, not only the statement that failed.

When the primary dies, its open transactions are lost. If you repeat only the failed statement, the
earlier statements of its transaction have no effect. While no server is a primary, connecting
raises an OSError on asyncpg and an OperationalError on psycopg. A COMMIT whose answer was lost may
have succeeded, so the unit of work must be safe to run twice (test154).

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#dealing-with-disconnects
Symptom: you get DBAPIError (SQLSTATE 08003) "connection was closed in the middle of operation"
on asyncpg.
"""

from sqlalchemy import URL, insert, select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import MakeEngine, Observation, Standby, main_of, right, wrong
from orm_async_tests.models import User

ONE, TWO = insert(User).values(username="one"), insert(User).values(username="two")
ADDED = select(User.username).where(User.username.in_(["one", "two"])).order_by(User.id)


def primary_of(*urls: URL) -> URL:
    hosts = tuple(f"{url.query['host']}:5432" for url in urls)
    return urls[0].set(query={"host": hosts, "target_session_attrs": "primary"})


async def list_added(engine: AsyncEngine) -> list[str]:
    async with AsyncSession(engine) as session:
        return list(await session.scalars(ADDED))


@wrong
async def the_rest(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, object]:
    """add a user, fail over, add a second user, and repeat only the failed statement"""
    engine = make_engine(primary_of(primary_url, standby_url))
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
    return {"users added": await list_added(engine)}


@right
async def all_of_it(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, object]:
    """add two users, and repeat the whole unit of work until it succeeds on the new primary"""
    engine = make_engine(primary_of(primary_url, standby_url))
    for attempt in (1, 2, 3):
        try:
            async with AsyncSession(engine) as session, session.begin():
                await session.execute(ONE)
                standby.primary.kill()  # has no effect on a dead server
                await session.execute(TWO)
        except (DBAPIError, OSError) as error:
            invalidated = isinstance(error, DBAPIError) and error.connection_invalidated
            if not (invalidated or isinstance(error, OSError | OperationalError)):
                raise
            if attempt == 2:
                standby.promote()
        else:
            break
    return {"attempts": attempt, "users added": await list_added(engine)}


def check(the_rest: Observation, all_of_it: Observation) -> None:
    assert the_rest.value == {"users added": ["two"]}
    assert all_of_it.value == {"attempts": 3, "users added": ["one", "two"]}


main = main_of(__name__)
