"""asyncpg receives a number in the URL's query as text: pass the number in connect_args.

SQLAlchemy passes the parameters of the URL's query to the driver as text. For
`?statement_cache_size=0`, asyncpg receives the text "0" and compares it with a number, which raises
TypeError. Values in connect_args reach the driver with their Python types. On psycopg, the URL's
query can set a numeric parameter of libpq, for example connect_timeout=10.

Docs: https://docs.sqlalchemy.org/en/21/core/engines.html#custom-dbapi-connect-arguments-on-connect-routines
Symptom: you get TypeError "instances of 'str' and 'int'" with "asyncpg/connect_utils.py" in the
traceback.
"""

from sqlalchemy import URL, text

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong

ONLY = "asyncpg"


@wrong
async def in_the_url(make_engine: MakeEngine, url: URL) -> dict[str, object]:
    """set statement_cache_size=0 in the URL"""
    off = {"statement_cache_size": "0", "prepared_statement_cache_size": "0"}
    engine = make_engine(url.update_query_dict(off))
    async with engine.connect() as connection:
        return {"answer": await connection.scalar(text("SELECT 42"))}


@right
async def in_connect_args(make_engine: MakeEngine) -> dict[str, object]:
    """set statement_cache_size=0 in connect_args"""
    off = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    engine = make_engine(connect_args=off)
    async with engine.connect() as connection:
        return {"answer": await connection.scalar(text("SELECT 42"))}


def check(in_the_url: Observation, in_connect_args: Observation) -> None:
    assert isinstance(in_the_url.error, TypeError)
    assert in_connect_args.value == {"answer": 42}


main = main_of(__name__)
