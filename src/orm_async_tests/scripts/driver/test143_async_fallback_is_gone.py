"""Since 2.1 async_fallback is gone: the driver gets it, and raises TypeError.

`?async_fallback=true` let an asyncpg URL work in synchronous code, by an event loop behind your
back. Nobody reads it any more, so it arrives at asyncpg's connect() as an argument that it does not
know.

Take it out of the URL; for synchronous code use psycopg.

Symptom: TypeError "unexpected keyword argument 'async_fallback'"
Docs: https://docs.sqlalchemy.org/en/21/changelog/migration_21.html
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
    """connect without it"""
    async with make_engine(url).connect() as connection:
        return {"answer": await connection.scalar(text("SELECT 42"))}


def check(with_it: Observation, without_it: Observation) -> None:
    assert isinstance(with_it.error, TypeError)
    assert without_it.value == {"answer": 42}


main = main_of(__name__)
