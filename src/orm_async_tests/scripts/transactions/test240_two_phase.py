"""prepare() of a two-phase session fails unless the server allows prepared transactions.

PREPARE TRANSACTION stores the transaction on the server, so that another process can finish it. By
default, the server's setting max_prepared_transactions is 0, and prepare() fails with 55000.
Changing max_prepared_transactions requires a restart. AsyncSession has no prepare(), so call
prepare() in run_sync(). Forgotten prepared transactions keep their locks, and pg_prepared_xacts
lists them.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#enabling-two-phase-commit
Symptom: you get an error (SQLSTATE 55000) "prepared transactions are disabled".
Symptom: you get an error (SQLSTATE 42704) "prepared transaction with identifier ... does not exist"
on psycopg.
"""

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import MakeEngine, Observation, PrivateServer, main_of, right, wrong

ONLY = "asyncpg"  # on psycopg the failed prepare also logs an error of the pool's reset
PREPARED = text("SELECT count(*) FROM pg_prepared_xacts")


async def commit_in_two_phases(engine: AsyncEngine) -> dict[str, int | None]:
    async with AsyncSession(engine, twophase=True) as session:
        await session.execute(text("CREATE TABLE orders (id int)"))
        await session.run_sync(lambda session: session.prepare())
        async with AsyncSession(engine) as other:
            prepared: int | None = await other.scalar(PREPARED)
        await session.commit()
    return {"prepared": prepared}


@wrong
async def by_default(make_engine: MakeEngine, private_url: URL) -> dict[str, int | None]:
    """call prepare() on a server with its default settings"""
    return await commit_in_two_phases(make_engine(private_url))


@right
async def allowed(
    make_engine: MakeEngine, private_url: URL, private_server: PrivateServer
) -> dict[str, int | None]:
    """call prepare() after a restart with max_prepared_transactions = 10"""
    private_server.stop()
    private_server.start(max_prepared_transactions="10")
    return await commit_in_two_phases(make_engine(private_url))


def check(by_default: Observation, allowed: Observation) -> None:
    assert "55000" in by_default.sqlstates
    assert allowed.value == {"prepared": 1}


main = main_of(__name__)
