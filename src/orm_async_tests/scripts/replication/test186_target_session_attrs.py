"""With target_session_attrs=primary, new connections find the new primary after a failover.

With target_session_attrs=primary, the driver tries one host after the other, and keeps the first
host that is a primary. In the URL, write `host` once for every server, each time with a port. The
driver chooses a host for every new connection, but a pooled connection stays connected to its
server.

Docs: https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#multihost-connections
Symptom: you get ConnectionRefusedError "Connection refused" on asyncpg with
"asyncpg/connect_utils.py" in the traceback.
Symptom: you get OperationalError "failed: Connection refused" on psycopg.
"""

from typing import Any

from sqlalchemy import URL, NullPool, insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, Standby, main_of, right, wrong
from orm_async_tests.models import User


def host(url: URL) -> str:
    return f"{url.query['host']}:5432"


async def add(engine: AsyncEngine, name: str) -> Any:
    async with engine.begin() as connection:
        statement = insert(User).values(username=name).returning(User.username)
        return await connection.scalar(statement)


@wrong
async def one_host(
    make_engine: MakeEngine, primary_url: URL, standby: Standby
) -> dict[str, object]:
    """write, fail over to the standby, and write again, with one host in the URL"""
    engine = make_engine(primary_url, poolclass=NullPool)
    before = await add(engine, "before")
    standby.catch_up()
    standby.primary.kill()
    standby.promote()
    return {"before": before, "after": await add(engine, "after")}


@right
async def several_hosts(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, object]:
    """write, fail over, and write again, with two hosts and target_session_attrs=primary"""
    hosts = {"host": (host(standby_url), host(primary_url)), "target_session_attrs": "primary"}
    engine = make_engine(primary_url.set(query=hosts), poolclass=NullPool)
    before = await add(engine, "before")
    standby.catch_up()
    standby.primary.kill()
    standby.promote()
    return {"before": before, "after": await add(engine, "after")}


def check(one_host: Observation, several_hosts: Observation) -> None:
    assert isinstance(one_host.error, OSError | OperationalError)
    assert several_hosts.value == {"before": "before", "after": "after"}


main = main_of(__name__)
