"""SQLAlchemy 2.1 removed async_fallback: asyncpg receives the option and raises TypeError.

In SQLAlchemy 2.0, `?async_fallback=true` in an asyncpg URL let synchronous code use asyncpg.
SQLAlchemy 2.1 passes async_fallback to asyncpg's connect(), which refuses the unknown option.
Remove async_fallback from the URL, and use psycopg in synchronous code.

Docs: https://docs.sqlalchemy.org/en/21/changelog/migration_21.html
Symptom: you get TypeError "unexpected keyword argument 'async_fallback'".
"""

from sqlalchemy import URL, text

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong

SINCE = "2.1"
ONLY = "asyncpg"


@wrong
async def with_it(make_engine: MakeEngine, url: URL) -> dict[str, object]:
    """connect with async_fallback in the URL"""
    engine = make_engine(url.update_query_dict({"async_fallback": "true"}))
    async with engine.connect() as connection:
        return {"answer": await connection.scalar(text("SELECT 42"))}


@right
async def without_it(make_engine: MakeEngine, url: URL) -> dict[str, object]:
    """connect without async_fallback"""
    async with make_engine(url).connect() as connection:
        return {"answer": await connection.scalar(text("SELECT 42"))}


def check(with_it: Observation, without_it: Observation) -> None:
    assert isinstance(with_it.error, TypeError)
    assert without_it.value == {"answer": 42}


main = main_of(__name__)
