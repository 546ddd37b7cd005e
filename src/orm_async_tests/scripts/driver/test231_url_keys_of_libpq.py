"""asyncpg and psycopg need different URL keys: for example, asyncpg refuses sslmode.

SQLAlchemy passes every key of the URL's query to the driver. For the keys sslmode, connect_timeout,
application_name and options, asyncpg.connect() raises TypeError. For asyncpg, write `ssl` instead
of `sslmode`, with the same values. For asyncpg, pass `timeout` and `server_settings` in
connect_args, not in the URL.

Docs: https://docs.sqlalchemy.org/en/21/core/engines.html#custom-dbapi-connect-arguments-on-connect-routines
Symptom: you get TypeError "connect() got an unexpected keyword argument" on asyncpg.
Symptom: you get ProgrammingError "invalid connection option" on psycopg.
"""

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, Stack, main_of, variant

OF_LIBPQ = {
    "sslmode": "prefer",
    "connect_timeout": "5",
    "application_name": "guide",
    "options": "-c statement_timeout=5s",
}
SETTINGS = {"application_name": "guide", "statement_timeout": "5s"}
SHOW = text("SELECT current_setting('application_name'), current_setting('statement_timeout')")


async def show(engine: AsyncEngine) -> dict[str, list[str]]:
    async with engine.connect() as connection:
        return {"settings": list((await connection.execute(SHOW)).one())}


@variant
async def libpq_keys(make_engine: MakeEngine, url: URL) -> dict[str, list[str]]:
    """connect with sslmode, connect_timeout, application_name and options in the URL"""
    return await show(make_engine(url.update_query_dict(OF_LIBPQ)))


@variant
async def asyncpg_keys(make_engine: MakeEngine, url: URL) -> dict[str, list[str]]:
    """connect with ssl in the URL, and with timeout and server_settings in connect_args"""
    changed = url.update_query_dict({"ssl": "prefer"})
    connect_args = {"timeout": 5, "server_settings": SETTINGS}
    return await show(make_engine(changed, connect_args=connect_args))


def check(stack: Stack, libpq_keys: Observation, asyncpg_keys: Observation) -> None:
    if stack.driver == "asyncpg":
        assert isinstance(libpq_keys.error, TypeError)
        assert asyncpg_keys.value == {"settings": ["guide", "5s"]}
    else:
        assert asyncpg_keys.code == "f405"
        assert libpq_keys.value == {"settings": ["guide", "5s"]}


main = main_of(__name__)
