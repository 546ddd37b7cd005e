"""After a password change, an engine whose URL has the old password cannot connect (28P01).

If the password is a token of a cloud service, it expires within minutes, but the pool opens new
connections as long as the engine exists. SQLAlchemy calls async_creator for every new connection,
so read the current password in your async_creator. A `do_connect` listener can change the driver's
arguments for every new connection.

Docs: https://docs.sqlalchemy.org/en/21/core/engines.html#generating-dynamic-authentication-tokens
Symptom: you get InvalidPasswordError (SQLSTATE 28P01) "password authentication failed" on asyncpg.
Symptom: you get OperationalError "password authentication failed" on psycopg.
"""

from typing import Any

import asyncpg
from sqlalchemy import URL, event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, Stack, main_of, right, wrong

CREATE = text("CREATE ROLE guide LOGIN")
VAULT: dict[str, str] = {}  # the current passwords of the roles


async def set_password(admin: AsyncEngine, password: str) -> None:
    async with admin.begin() as connection:
        await connection.execute(text(f"ALTER ROLE guide PASSWORD '{password}'"))
    VAULT["guide"] = password


async def select_on_a_new_connection(engine: AsyncEngine) -> Any:
    async with engine.connect() as connection:
        return await connection.scalar(text("SELECT 42"))


async def select_and_change(admin: AsyncEngine, *engines: AsyncEngine) -> dict[str, list[Any]]:
    answers = []
    for password in ("spring", "autumn"):
        await set_password(admin, password)
        answers += [await select_on_a_new_connection(engine) for engine in engines]
        for engine in engines:
            await engine.dispose()
    return {"answers": answers}


async def connect(url: URL) -> Any:
    libpq_url = url.set(drivername="postgresql").render_as_string(hide_password=False)
    if url.get_driver_name() == "asyncpg":
        return await asyncpg.connect(libpq_url)
    import psycopg

    return await psycopg.AsyncConnection.connect(libpq_url)


@wrong
async def once(make_engine: MakeEngine, private_url: URL) -> dict[str, list[Any]]:
    """write the password into the engine's URL"""
    async with (admin := make_engine(private_url)).begin() as connection:
        await connection.execute(CREATE)
    engine = make_engine(private_url.set(username="guide", password="spring"))
    return await select_and_change(admin, engine)


@right
async def every_time(make_engine: MakeEngine, private_url: URL) -> dict[str, list[Any]]:
    """read the current password in an async_creator, or in a do_connect listener"""
    async with (admin := make_engine(private_url)).begin() as connection:
        await connection.execute(CREATE)

    async def create() -> Any:
        return await connect(private_url.set(username="guide", password=VAULT["guide"]))

    listening = make_engine(private_url.set(username="guide"))

    @event.listens_for(listening.sync_engine, "do_connect")
    def insert_password(_dialect: Any, _record: Any, _args: Any, arguments: dict[str, Any]) -> None:
        arguments["password"] = VAULT["guide"]

    return await select_and_change(admin, make_engine(async_creator=create), listening)


def check(stack: Stack, once: Observation, every_time: Observation) -> None:
    if stack.driver == "asyncpg":
        assert once.sqlstate == "28P01"
    else:
        assert once.code == "e3q8"  # psycopg has no SQLSTATE before it is connected
    assert every_time.value == {"answers": [42, 42, 42, 42]}


main = main_of(__name__)
