"""The example and the table of known defects in docs/faults.md are true."""

import asyncio
import re
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Integer, MetaData, String, Table, insert
from sqlalchemy.ext.asyncio import create_async_engine

from orm_async_tests import db
from orm_async_tests.faults import injection, sweeping
from orm_async_tests.faults.expected_violations import read_expected
from orm_async_tests.faults.planning import TIMEOUTS
from tests.faults.sweep_runs import run_sweep

PAGE = (Path(__file__).parents[2] / "docs/faults.md").read_text("utf-8")
EXAMPLE = re.compile(r"```python\n(.+?)```", re.DOTALL)
DEFECT = re.compile(r"^\| (.+) \| \[(.+)\]\((\S+)\) \|$", re.MULTILINE)
METADATA = MetaData()
ORDERS = Table("orders", METADATA, Column("id", Integer, primary_key=True), Column("item", String))


def test_the_page_shows_the_report_of_its_example(
    empty_database: db.Database, tmp_path: Path
) -> None:
    asyncio.run(create_orders(empty_database))
    path = tmp_path / "orders.py"
    path.write_text("\n" * 5 + EXAMPLE.findall(PAGE)[0], "utf-8")  # with room for its imports
    namespace: dict[str, Any] = {"insert": insert, "orders": ORDERS}
    exec(compile(path.read_text("utf-8"), path, "exec"), namespace)
    rows = "select count(*) from orders"
    report = run_sweep(empty_database, namespace["place_order"], "cancel", rows=rows)
    headers = [line for line in str(report).splitlines() if not line.startswith(" ")]
    assert [line for line in headers if line not in PAGE] == []


async def create_orders(database: db.Database) -> None:
    """Create the table `orders` of the example."""
    engine = create_async_engine(database.url)
    async with engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    await engine.dispose()


def test_the_page_lists_the_known_defects() -> None:
    defects = {
        (
            ", ".join(
                f"{library} {range_}" for library, range_ in expected.defect.versions.items()
            ),
            expected.defect.description,
            expected.defect.link,
        )
        for expected in read_expected().values()
    }
    assert set(DEFECT.findall(PAGE)) == defects


def test_the_page_states_the_limits_of_the_sweep() -> None:
    closed, asyncpg = injection.CLOSED_WITHIN, TIMEOUTS["asyncpg"]
    first, last = sweeping.FIRST, sweeping.LAST
    sentences = [
        f"The caller was still running {injection.RELEASED_WITHIN:g} seconds after its start",
        f"within {closed['asyncpg']:g} seconds with asyncpg",
        f"within {closed['psycopg']:g} seconds with psycopg",
        f"a caller that waits for more than {injection.SILENT_FOR:g} seconds",
        f"{injection.SETTLED_WITHIN:g} seconds after the caller ended, a backend",
        f"{injection.SETTLED_WITHIN:g} seconds after the caller ended, a task",
        f"{asyncpg['timeout']:g} seconds for asyncpg's `timeout` and `command_timeout`",
        f"{TIMEOUTS['psycopg']['connect_timeout']:g} seconds for psycopg's `connect_timeout`",
        f"more than {first + last} messages",
        f"the first {first} and the last {last}",
    ]
    assert [sentence for sentence in sentences if sentence not in PAGE] == []
