"""Alembic's async env.py cannot run in a running event loop: use a thread or pass a connection.

The asynchronous env.py calls asyncio.run(), which cannot run inside a running event loop. A new
thread has no running event loop, so asyncio.run() works in a thread. If you pass a connection to
env.py, env.py does not call asyncio.run().

Docs: https://alembic.sqlalchemy.org/en/latest/cookbook.html#using-asyncio-with-alembic
Symptom: you get RuntimeError "asyncio.run() cannot be called from a running event loop" with
"alembic" in the traceback.
"""

import asyncio

from sqlalchemy import URL, MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase

from alembic import command
from orm_async_tests.harness import Observation, alembic_environment, main_of, right, wrong

EXISTS = text("SELECT to_regclass('test51.alembic_version') IS NOT NULL")
ENV = """
import asyncio
from alembic import context
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine
attributes = context.config.attributes
def run(connection):
    context.configure(connection=connection, version_table_schema="test51")
    context.run_migrations()
async def online():
    async with create_async_engine(attributes["url"], poolclass=NullPool).begin() as connection:
        await connection.run_sync(run)
run(attributes["connection"]) if "connection" in attributes else asyncio.run(online())
"""


class Base(DeclarativeBase):
    metadata = MetaData(schema="test51")


@wrong(warns=True)
async def in_the_loop(url: URL) -> None:
    """call Alembic's command.upgrade() in a coroutine"""
    with alembic_environment(env=ENV, url=url) as config:
        command.upgrade(config, "head")


@right
async def in_a_thread(url: URL, engine: AsyncEngine) -> dict[str, object]:
    """call Alembic's command.upgrade() in a thread"""
    with alembic_environment(env=ENV, url=url) as config:
        await asyncio.to_thread(command.upgrade, config, "head")
    async with engine.connect() as connection:
        return {"table exists": await connection.scalar(EXISTS)}


@right
async def on_a_connection(engine: AsyncEngine) -> dict[str, object]:
    """call Alembic's command.upgrade() in run_sync(), and pass the connection to env.py"""
    async with engine.begin() as connection:
        with alembic_environment(env=ENV, connection=connection.sync_connection) as config:
            await connection.run_sync(lambda _: command.upgrade(config, "head"))
        return {"table exists": await connection.scalar(EXISTS)}


def check(in_the_loop: Observation, in_a_thread: Observation, on_a_connection: Observation) -> None:
    assert isinstance(in_the_loop.error, RuntimeError)
    assert in_a_thread.value == on_a_connection.value == {"table exists": True}


main = main_of(__name__)
