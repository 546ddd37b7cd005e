"""On asyncpg, a lost connection raises no OperationalError: check connection_invalidated.

On asyncpg, a lost connection raises InterfaceError or a plain DBAPIError, so code that retries
after an OperationalError never retries. On asyncpg and psycopg, the error of a lost connection has
connection_invalidated=True.

Docs: https://docs.sqlalchemy.org/en/21/core/exceptions.html#sqlalchemy.exc.DBAPIError
Symptom: you get InterfaceError "the underlying connection is closed".
"""

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong

ONLY = "asyncpg"
ANSWER = text("SELECT 42")


@wrong
async def by_its_class(session: AsyncSession, activity: Activity) -> dict[str, object]:
    """retry after an OperationalError"""
    await session.execute(ANSWER)
    await activity.terminate()
    try:
        return {"answer": await session.scalar(ANSWER)}
    except OperationalError:
        await session.rollback()
        return {"answer": await session.scalar(ANSWER)}


@right
async def by_its_attribute(session: AsyncSession, activity: Activity) -> dict[str, object]:
    """retry after a DBAPIError whose connection_invalidated is true"""
    await session.execute(ANSWER)
    await activity.terminate()
    try:
        return {"answer": await session.scalar(ANSWER)}
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        await session.rollback()
        return {"answer": await session.scalar(ANSWER)}


def check(by_its_class: Observation, by_its_attribute: Observation) -> None:
    assert isinstance(by_its_class.error, DBAPIError)
    assert not isinstance(by_its_class.error, OperationalError)
    assert by_its_class.error.connection_invalidated
    assert by_its_attribute.value == {"answer": 42}


main = main_of(__name__)
