import asyncio
from enum import StrEnum

from shop_sessions import engine, run_sql
from sqlalchemy import DDL, text
from sqlalchemy.ext.asyncio import AsyncSession

TABLES = ("a", "b")
TEXTS = {"refresh": "REFRESH MATERIALIZED VIEW a; REFRESH MATERIALIZED VIEW b", "one": "SELECT 1;"}
STATEMENTS = {
    "both": text("DELETE FROM a; DELETE FROM b"),  # OAT503
    "one": text("DELETE FROM a;"),
}


async def joined(session: AsyncSession):
    await session.execute(text("; ".join(f"TRUNCATE {name}" for name in TABLES)))  # OAT503
    await session.execute(text("; ".join([f"TRUNCATE {name}" for name in TABLES])))  # OAT503


async def selected(session: AsyncSession):
    await session.execute(text(TEXTS["refresh"]))  # OAT503


async def run(sql: str):
    async with engine.connect() as connection:
        await connection.execute(text(sql))


asyncio.run(run("DROP SCHEMA a; CREATE SCHEMA a"))  # OAT503


class Query(StrEnum):
    BOTH = "DELETE FROM a; DELETE FROM b"


async def enumerated(session: AsyncSession):
    await session.execute(text(Query.BOTH.value))  # OAT503


async def joined_later(session: AsyncSession):
    commands = [f"TRUNCATE {name}" for name in TABLES]
    await session.execute(text(";".join(commands)))  # OAT503


async def joined_names(session: AsyncSession, names: list[str]):
    commands = [f"DROP TABLE {name}" for name in names]
    await session.execute(text(";".join(commands)))  # OAT503


create_indexes = DDL("CREATE INDEX ON a (at); CREATE INDEX ON b (at)")  # OAT503


def choose(name: str):
    if name == "both":
        return text("ANALYZE a; ANALYZE b")
    return text("ANALYZE a")


async def chosen(session: AsyncSession, name: str):
    await session.execute(choose(name))  # OAT503


# Right


async def right(session: AsyncSession, names: list[str]):
    await session.execute(text(", ".join(f"a.{name}" for name in TABLES)))
    await session.execute(text("; ".join(name for name in names)))
    await session.execute(text("; ".join(name for name in TABLES if name in names)))
    await session.execute(text(TEXTS["one"]))
    await run_sql(session, TEXTS["one"])
