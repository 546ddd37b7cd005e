import sqlalchemy as sa
from shop_sessions import CLEANING, SessionDep, engine, run_sql
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

BOTH = text("DELETE FROM a; DELETE FROM b")
SCRIPT = """
    CREATE TABLE a (b int);
    CREATE INDEX ON a (b);
"""


async def wrong(session: AsyncSession, db: SessionDep):
    await session.execute(text("DELETE FROM a; DELETE FROM b"))  # OAT503
    await db.execute(BOTH)  # OAT503
    await db.execute(sa.text(SCRIPT))  # OAT503
    await session.execute(text("UPDATE a SET b = :b; SELECT 1").bindparams(b=1))  # OAT503
    await session.execute(text(CLEANING))  # OAT503
    await run_sql(session, "DELETE FROM a; DELETE FROM b")  # OAT503
    async with engine.begin() as connection:
        await connection.exec_driver_sql(SCRIPT)  # OAT503


async def right(session: AsyncSession):
    await run_sql(session, "DELETE FROM a;")
    await session.execute(text("DELETE FROM a;"))
    await session.execute(text("SELECT ';', 'it''s; fine' -- a; comment"))
    await session.execute(text("DO $$ BEGIN a; b; END $$"))


def other_text(text):
    return text("a; b")
