"""create_engine() accepts an asyncpg URL, but connecting raises MissingGreenlet.

The driver asyncpg works only with an engine that create_async_engine() has returned. The driver
psycopg has a synchronous and an asyncio API, so its URL works with a synchronous and with an async
engine. If your program also needs a synchronous engine, for example for migrations, use psycopg for
the synchronous engine. To run synchronous code on a connection of the async engine, use run_sync().

Docs: https://docs.sqlalchemy.org/en/21/errors.html#error-xd2s
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"in raw_connection" in the traceback.
"""

from sqlalchemy import URL, create_engine, text

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong

ONLY = "asyncpg"


@wrong(warns=True)
async def by_create_engine(url: URL) -> dict[str, object]:
    """connect with create_engine()"""
    engine = create_engine(url)
    with engine.connect() as connection:
        return {"answer": connection.scalar(text("SELECT 42"))}


@right
async def by_create_async_engine(make_engine: MakeEngine) -> dict[str, object]:
    """connect with create_async_engine()"""
    async with make_engine().connect() as connection:
        return {"answer": await connection.scalar(text("SELECT 42"))}


def check(by_create_engine: Observation, by_create_async_engine: Observation) -> None:
    assert by_create_engine.code == "xd2s"
    assert set(by_create_engine.warnings) <= {"RuntimeWarning"}
    assert by_create_async_engine.value == {"answer": 42}


main = main_of(__name__)
