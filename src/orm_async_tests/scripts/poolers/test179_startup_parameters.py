"""PgBouncer rejects most of asyncpg's server_settings, or ignores them silently.

PgBouncer rejects most of the settings that asyncpg sends when it connects, but accepts timezone and
application_name. If ignore_startup_parameters lists a setting, PgBouncer accepts the connection but
does not apply the setting. To change a setting for one transaction, use SET LOCAL. To change a
setting for all clients, use ALTER ROLE or PgBouncer's connect_query.

Docs: https://www.pgbouncer.org/config.html#ignore_startup_parameters
Symptom: you get ProtocolViolationError (SQLSTATE 08P01) "unsupported startup parameter".
"""

from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, Pooler, main_of, right, wrong

ONLY = "asyncpg"
Setting = dict[str, str | None]


async def show(engine: AsyncEngine, name: str) -> Setting:
    async with engine.connect() as connection:
        return {name: await connection.scalar(text(f"SHOW {name}"))}


@wrong
async def refused(pooler: Pooler, make_engine: MakeEngine) -> Setting:
    """pass statement_timeout in server_settings"""
    url = pooler.start(pool_mode="transaction")
    settings = {"server_settings": {"statement_timeout": "7s"}}
    return await show(make_engine(url, connect_args=settings), "statement_timeout")


@wrong
async def dropped(pooler: Pooler, make_engine: MakeEngine) -> Setting:
    """let PgBouncer ignore statement_timeout, and pass it in server_settings"""
    url = pooler.start(pool_mode="transaction", ignore_startup_parameters="statement_timeout")
    settings = {"server_settings": {"statement_timeout": "7s"}}
    return await show(make_engine(url, connect_args=settings), "statement_timeout")


@right
async def set_local(pooler: Pooler, make_engine: MakeEngine) -> Setting:
    """execute SET LOCAL at the beginning of every transaction"""
    engine = make_engine(pooler.start(pool_mode="transaction"))

    @event.listens_for(engine.sync_engine, "begin")
    def limit(connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL statement_timeout = '7s'")

    return await show(engine, "statement_timeout")


@right
async def kept(pooler: Pooler, make_engine: MakeEngine) -> Setting:
    """pass timezone in server_settings"""
    url = pooler.start(pool_mode="transaction")
    settings = {"server_settings": {"timezone": "Asia/Tokyo"}}
    return await show(make_engine(url, connect_args=settings), "timezone")


def check(
    refused: Observation, dropped: Observation, set_local: Observation, kept: Observation
) -> None:
    assert refused.sqlstate == "08P01"
    assert dropped.value == {"statement_timeout": "0"}
    assert set_local.value == {"statement_timeout": "7s"}
    assert kept.value == {"timezone": "Asia/Tokyo"}


main = main_of(__name__)
