"""What one test costs with each recipe of test162, in multiples of the savepoint's costs.

The recipes take turns in each round on a private server, and the clone is made, connected to and
dropped; printed are the medians. python bench/isolation.py --tables 20 --rounds 30 --fsync off
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

from sqlalchemy import URL, NullPool, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests import db
from orm_async_tests.models import Base
from orm_async_tests.postgres import private_server
from orm_async_tests.scripts.testing.test162_isolated_tests import a_test


async def savepoint(engine: AsyncEngine) -> None:
    """BEGIN and ROLLBACK around it."""
    async with engine.connect() as connection:
        await connection.begin()
        await a_test(connection)
        await connection.rollback()


async def truncate(engine: AsyncEngine, tables: list[str]) -> None:
    """TRUNCATE after it."""
    await a_test(engine)
    async with engine.begin() as connection:
        await connection.execute(text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))


async def clone(admin: AsyncEngine, url: URL) -> None:
    """CREATE DATABASE before it, a connection, DROP DATABASE after it."""
    async with admin.connect() as connection:
        await connection.execute(text("CREATE DATABASE clone TEMPLATE template"))
        engine = create_async_engine(url.set(database="clone"))
        await a_test(engine)
        await engine.dispose()
        await connection.execute(text("DROP DATABASE clone"))


async def make_template(admin: AsyncEngine, url: URL, more: int) -> list[str]:
    """The tables of the models and this many more, and a template of them; returns their names."""
    names = [f"more_{number}" for number in range(more)]
    async with create_async_engine(url, poolclass=NullPool).begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        for name in names:
            await connection.execute(text(f"CREATE TABLE {name} (id serial PRIMARY KEY)"))
    async with admin.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE template TEMPLATE {url.database}"))
    return [*Base.metadata.tables, *names]


async def measured(url: URL, tables: int, rounds: int) -> dict[str, float]:
    """The median seconds of each recipe."""
    admin = create_async_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    names = await make_template(admin, url, tables - len(Base.metadata.tables))
    engine = create_async_engine(url)
    recipes: dict[str, Callable[[], Awaitable[object]]] = {
        "nothing": lambda: a_test(engine),
        "savepoint": lambda: savepoint(engine),
        "truncate": lambda: truncate(engine, names),
        "clone": lambda: clone(admin, url),
    }
    seconds: dict[str, list[float]] = {name: [] for name in recipes}
    for _ in range(1 + rounds):
        for name, recipe in recipes.items():
            started = time.perf_counter()
            await recipe()
            seconds[name].append(time.perf_counter() - started)
    await engine.dispose()
    await admin.dispose()
    return {name: statistics.median(each[1:]) for name, each in seconds.items()}  # the 1st warms


def main() -> int:
    """Print a line for each recipe, the cheapest last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--fsync", choices=("off", "on"), default="off")
    arguments = parser.parse_args()
    with private_server() as server:
        server.stop()
        server.start(fsync=arguments.fsync, synchronous_commit=arguments.fsync)
        url = db.socket_url(server.login)
        medians = asyncio.run(measured(url, arguments.tables, arguments.rounds))
    print(f"{arguments.tables} tables, fsync {arguments.fsync}, {arguments.rounds} rounds")
    for name, seconds in sorted(medians.items(), key=lambda item: -item[1]):
        print(f"{seconds / medians['savepoint']:6.1f} x savepoint  {seconds * 1e3:6.1f} ms  {name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
