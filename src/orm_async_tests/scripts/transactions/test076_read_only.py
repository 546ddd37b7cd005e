"""postgresql_readonly=True makes the server refuse the writes of a transaction.

The execution option postgresql_readonly turns BEGIN into BEGIN READ ONLY. In a read-only
transaction, the server refuses writes (25006). The option postgresql_readonly applies until the
connection returns to the pool.

Docs: https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#setting-read-only-deferrable
Symptom: you get an error (SQLSTATE 25006) "in a read-only transaction".
"""

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, variant
from orm_async_tests.models import User

READ_ONLY = {"postgresql_readonly": True}
INSERT = insert(User).values(username="new")


@variant
async def read(engine: AsyncEngine) -> dict[str, int]:
    """read in a read-only transaction"""
    async with engine.connect() as connection:
        await connection.execution_options(**READ_ONLY)
        return {"users": len((await connection.execute(select(User))).all())}


@variant
async def write(engine: AsyncEngine) -> None:
    """write in a read-only transaction"""
    async with engine.connect() as connection:
        await connection.execution_options(**READ_ONLY)
        await connection.execute(INSERT)
        await connection.commit()


@variant
async def next_user(engine: AsyncEngine) -> dict[str, int]:
    """after a read-only transaction, write in the next checkout of the same connection"""
    await read(engine)
    async with engine.begin() as connection:
        await connection.execute(INSERT)
        return {"users": len((await connection.execute(select(User))).all())}


def check(read: Observation, write: Observation, next_user: Observation) -> None:
    assert read.value == {"users": 3}
    assert write.sqlstate == "25006"  # a read-only transaction
    assert next_user.value == {"users": 3 + 1}


main = main_of(__name__)
