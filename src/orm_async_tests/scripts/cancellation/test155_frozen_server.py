"""asyncio.timeout() cannot end an `async with Session()` block while the server hangs.

Since SQLAlchemy 2.0.55 and 2.1.2, a session always completes the rollback at the end of its `async
with` block. If the server freezes, neither asyncio.timeout() nor cancel() stops the wait for the
rollback. Always set asyncpg's command_timeout, because only command_timeout ends the wait for a
frozen server.

Docs: https://docs.sqlalchemy.org/en/21/changelog/changelog_21.html#change-2.1.2
Docs: https://magicstack.github.io/asyncpg/current/api/index.html#asyncpg.connection.connect
"""

import asyncio

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import MakeEngine, Observation, PrivateServer, main_of, right, wrong
from orm_async_tests.harness.definitions.known_defects import CLOSE_HANGS

SINCE = ">=2.0.55,<2.1 or >=2.1.2"
ONLY = "asyncpg"
TIMEOUT, THAW = 0.5, 3.0  # seconds until the timeout, and until the server answers again


async def leave(engine: AsyncEngine, server: PrivateServer) -> dict[str, bool]:
    """Return whether asyncio.timeout() interrupts `async with Session()` on a frozen server."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as timeout, AsyncSession(engine) as session:
            server.freeze(await session.scalar(text("SELECT pg_backend_pid()")) or 0)
            loop.call_later(THAW, server.thaw)
            timeout.reschedule(loop.time() + TIMEOUT)
    except TimeoutError:
        return {"ended by the timeout": server.frozen}
    return {"ended by the timeout": False}


@wrong
async def only_a_timeout(
    make_engine: MakeEngine, private_url: URL, private_server: PrivateServer
) -> dict[str, bool]:
    """leave `async with Session()` on a frozen server, inside asyncio.timeout()"""
    return await leave(make_engine(private_url), private_server)


@right
async def a_command_timeout(
    make_engine: MakeEngine, private_url: URL, private_server: PrivateServer
) -> dict[str, bool]:
    """leave `async with Session()` on a frozen server, with command_timeout on the engine"""
    engine = make_engine(private_url, connect_args={"command_timeout": TIMEOUT})
    return await leave(engine, private_server)


def check(only_a_timeout: Observation, a_command_timeout: Observation) -> None:
    assert only_a_timeout.value == {"ended by the timeout": False}
    assert isinstance(a_command_timeout.value, dict)
    with CLOSE_HANGS:
        assert a_command_timeout.value == {"ended by the timeout": True}


main = main_of(__name__)
