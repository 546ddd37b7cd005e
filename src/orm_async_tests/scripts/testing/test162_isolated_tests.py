"""A test that commits disturbs later tests, unless you use savepoints, TRUNCATE or database clones.

An outer transaction is the cheapest way to isolate tests. With an outer transaction, the tested
code may commit, but the test must use a single connection. With TRUNCATE after every test, a test
may use several connections. With a cloned database for every test, tests can also run in parallel.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#joining-a-session-into-an-external-transaction-such-as-for-test-suites
Docs: https://www.postgresql.org/docs/current/manage-ag-templatedbs.html
"""

from sqlalchemy import URL, NullPool, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong
from orm_async_tests.models import Base, User

UserIds = dict[str, list[list[int]]]
seed = None


async def a_test(bind: AsyncEngine | AsyncConnection) -> list[int]:
    async with AsyncSession(bind, join_transaction_mode="create_savepoint") as session:
        session.add(User(username="guide"))
        await session.commit()
        return list(await session.scalars(select(User.id).order_by(User.id)))


@wrong
async def nothing(engine: AsyncEngine) -> UserIds:
    """run two tests without isolation"""
    return {"user IDs": [await a_test(engine) for _ in range(2)]}


@right
async def savepoint(engine: AsyncEngine) -> UserIds:
    """run two tests in outer transactions, whose rollback does not reset sequences"""
    user_ids: list[list[int]] = []
    async with engine.connect() as connection:
        for _ in range(2):
            await connection.begin()
            user_ids.append(await a_test(connection))
            await connection.rollback()
    return {"user IDs": user_ids}


@right
async def truncate(engine: AsyncEngine) -> UserIds:
    """run two tests, and TRUNCATE after each of them"""
    user_ids: list[list[int]] = []
    for _ in range(2):
        user_ids.append(await a_test(engine))
        async with engine.begin() as connection:
            await connection.execute(text("TRUNCATE users RESTART IDENTITY CASCADE"))
    return {"user IDs": user_ids}


@right
async def clone(make_engine: MakeEngine, private_url: URL) -> UserIds:
    """run two tests, each in a clone of a template database"""
    user_ids: list[list[int]] = []
    async with make_engine(private_url, poolclass=NullPool).begin() as template:
        await template.run_sync(Base.metadata.create_all)
    # PostgreSQL clones no database that is in use, so NullPool has disconnected.
    postgres = make_engine(private_url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    async with postgres.connect() as admin:
        for name in ("one", "two"):
            await admin.execute(text(f"CREATE DATABASE {name} TEMPLATE {private_url.database}"))
            user_ids.append(await a_test(make_engine(private_url.set(database=name))))
    return {"user IDs": user_ids}


def check(
    nothing: Observation, savepoint: Observation, truncate: Observation, clone: Observation
) -> None:
    assert nothing.value == {"user IDs": [[1], [1, 2]]}
    assert savepoint.value == {"user IDs": [[1], [2]]}
    assert truncate.value == clone.value == {"user IDs": [[1], [1]]}


main = main_of(__name__)
