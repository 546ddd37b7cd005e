"""On asyncpg, text("COMMIT") makes rollback() useless, and text("BEGIN") breaks the pool.

After text("COMMIT"), SQLAlchemy believes that its transaction is still open. On asyncpg, every
statement after text("COMMIT") commits by itself, so rollback() has no effect. After text("BEGIN")
on an AUTOCOMMIT connection, nothing commits, so all later rows are lost. On asyncpg, text("BEGIN")
leaves an open transaction on the pooled connection, so later checkouts fail (rvf5). Use
connection.begin() and commit() instead of text("BEGIN") and text("COMMIT").

Docs: https://docs.sqlalchemy.org/en/21/core/connections.html#using-transactions
Symptom: you get an error "cannot use Connection.transaction() in a manually started transaction"
on asyncpg.
"""

from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, Stack, main_of, right, wrong
from orm_async_tests.models import User

ONE_SLOT = {"pool_size": 1, "max_overflow": 0}
ADD = insert(User).values(username="guide")
GUIDES = select(func.count(User.id)).where(User.username == "guide")


async def count_guides(engine: AsyncEngine) -> Any:
    async with engine.connect() as connection:
        return await connection.scalar(GUIDES)


@wrong(engine=ONE_SLOT)
async def commit_as_text(engine: AsyncEngine) -> dict[str, Any]:
    """execute INSERT, text("COMMIT") and INSERT, then call rollback()"""
    async with engine.connect() as connection:
        await connection.execute(ADD)
        await connection.execute(text("COMMIT"))
        in_transaction = connection.in_transaction()
        await connection.execute(ADD)
        await connection.rollback()
    return {"in transaction": in_transaction, "rows": await count_guides(engine)}


@right(engine=ONE_SLOT)
async def commit(engine: AsyncEngine) -> dict[str, Any]:
    """execute INSERT, call commit(), execute INSERT, then call rollback()"""
    async with engine.connect() as connection:
        await connection.execute(ADD)
        await connection.commit()
        in_transaction = connection.in_transaction()
        await connection.execute(ADD)
        await connection.rollback()
    return {"in transaction": in_transaction, "rows": await count_guides(engine)}


@wrong(engine=ONE_SLOT, leaks=True, warns=True, unhandled=True)
async def begin_as_text(engine: AsyncEngine) -> dict[str, Any]:
    """on an AUTOCOMMIT connection, execute text("BEGIN") and INSERT"""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("BEGIN"))
        await connection.execute(ADD)
    return {"rows": await count_guides(engine)}


@right(engine=ONE_SLOT)
async def begin(engine: AsyncEngine) -> dict[str, Any]:
    """execute an INSERT inside `async with engine.begin()`"""
    async with engine.begin() as connection:
        await connection.execute(ADD)
    return {"rows": await count_guides(engine)}


def check(
    stack: Stack,
    commit_as_text: Observation,
    commit: Observation,
    begin_as_text: Observation,
    begin: Observation,
) -> None:
    assert commit.value == {"in transaction": False, "rows": 1}
    assert begin.value == {"rows": 1}
    if stack.driver == "asyncpg":
        assert commit_as_text.value == {"in transaction": True, "rows": 2}
        assert begin_as_text.code == "rvf5"
    else:
        assert commit_as_text.value == {"in transaction": True, "rows": 1}
        assert begin_as_text.value == {"rows": 0}


main = main_of(__name__)
