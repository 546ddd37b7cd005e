"""A test's commit spoils the next one; a savepoint, TRUNCATE or a clone undoes it.

A session that joins an outer transaction commits into it alone: cheapest, for one connection.
TRUNCATE allows several, and clones allow tests side by side. Costs: nox -s bench -- isolation

Docs: https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#joining-a-session-into-an-external-transaction-such-as-for-test-suites
Docs: https://www.postgresql.org/docs/current/manage-ag-templatedbs.html
"""

from sqlalchemy import URL, NullPool, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong
from orm_async_tests.models import Base, User

Found = dict[str, list[list[int]]]
seed = None


async def a_test(bind: AsyncEngine | AsyncConnection) -> list[int]:
    """It commits a row, and finds these."""
    async with AsyncSession(bind, join_transaction_mode="create_savepoint") as session:
        session.add(User(username="guide"))
        await session.commit()
        return list(await session.scalars(select(User.id).order_by(User.id)))


@wrong
async def nothing(engine: AsyncEngine) -> Found:
    """two tests, and nothing in between"""
    return {"users seen": [await a_test(engine) for _ in range(2)]}


@right
async def savepoint(engine: AsyncEngine) -> Found:
    """each in an outer transaction that is rolled back; sequences go on"""
    found: list[list[int]] = []
    async with engine.connect() as connection:
        for _ in range(2):
            await connection.begin()
            found.append(await a_test(connection))
            await connection.rollback()
    return {"users seen": found}


@right
async def truncate(engine: AsyncEngine) -> Found:
    """each followed by TRUNCATE"""
    found: list[list[int]] = []
    for _ in range(2):
        found.append(await a_test(engine))
        async with engine.begin() as connection:
            await connection.execute(text("TRUNCATE users RESTART IDENTITY CASCADE"))
    return {"users seen": found}


@right
async def clone(make_engine: MakeEngine, private_url: URL) -> Found:
    """each in a clone of a template"""
    found: list[list[int]] = []
    async with make_engine(private_url, poolclass=NullPool).begin() as template:
        await template.run_sync(Base.metadata.create_all)  # and leaves: a template has no guests
    postgres = make_engine(private_url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    async with postgres.connect() as admin:
        for name in ("one", "two"):
            await admin.execute(text(f"CREATE DATABASE {name} TEMPLATE {private_url.database}"))
            found.append(await a_test(make_engine(private_url.set(database=name))))
    return {"users seen": found}


def check(
    nothing: Observation, savepoint: Observation, truncate: Observation, clone: Observation
) -> None:
    assert nothing.value == {"users seen": [[1], [1, 2]]}
    assert savepoint.value == {"users seen": [[1], [2]]}
    assert truncate.value == clone.value == {"users seen": [[1], [1]]}


main = main_of(__name__)
