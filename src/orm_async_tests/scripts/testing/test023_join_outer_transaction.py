"""A session that joins an outer transaction needs join_transaction_mode="create_savepoint".

For a test, begin a transaction on a connection, bind the session to this connection, and roll back
at the end. With join_transaction_mode="create_savepoint", the tested code may commit and roll back.
With the default join_transaction_mode, a rollback in the tested code ends the outer transaction.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#joining-a-session-into-an-external-transaction-such-as-for-test-suites
Symptom: you get SAWarning "transaction already deassociated from connection".
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"
COUNT = select(func.count(User.id))


async def code_under_test(session: AsyncSession) -> None:
    session.add(User(username="kept"))
    await session.commit()
    session.add(User(username="lost"))
    await session.flush()
    await session.rollback()


@wrong(warns=True)
async def default_mode(engine: AsyncEngine) -> dict[str, object]:
    """open AsyncSession(bind=connection)"""
    async with engine.connect() as connection:
        outer = await connection.begin()
        async with AsyncSession(bind=connection) as session:
            await code_under_test(session)
            inside = await session.scalar(COUNT)
        active = outer.is_active
        await outer.rollback()
    return {"outer transaction active": active, "rows inside": int(inside or 0)}


@right
async def savepoint_mode(engine: AsyncEngine) -> dict[str, object]:
    """open AsyncSession(bind=connection, join_transaction_mode="create_savepoint")"""
    async with engine.connect() as connection:
        outer = await connection.begin()
        mode = "create_savepoint"
        async with AsyncSession(bind=connection, join_transaction_mode=mode) as session:
            await code_under_test(session)
            inside = await session.scalar(COUNT)
        active = outer.is_active
        await outer.rollback()
    return {"outer transaction active": active, "rows inside": int(inside or 0)}


def check(default_mode: Observation, savepoint_mode: Observation) -> None:
    assert default_mode.value == {
        "outer transaction active": False,
        "rows inside": 3,
    }  # the rollback removed both new rows and the outer transaction
    assert default_mode.warnings == ["SAWarning"]
    assert savepoint_mode.value == {"outer transaction active": True, "rows inside": 4}
    assert savepoint_mode.log[-1] == "ROLLBACK"


main = main_of(__name__)
