"""The tables of docs/poolers.md are what the PgBouncer that is installed does."""

import asyncio
from pathlib import Path

import pytest
from benchmarks.poolers import TABLES, modes_of

from orm_async_tests import db
from orm_async_tests.harness.environment.requirements import PGBOUNCER, find_missing

PAGE = Path(__file__).parents[2] / "docs/poolers.md"
ROWS = [(table, row) for table, rows in TABLES.items() for row in rows]


def documented(table: str, row: str) -> dict[str, str]:
    """What the page says in a row, by mode."""
    part = PAGE.read_text("utf-8").partition(f"<!-- {table} -->\n")[2].partition("\n\n")[0]
    cells = {name: found for name, *found in (line.split(" | ") for line in part.splitlines())}
    head, found = cells["| "], cells[f"| {row}"]
    return {mode.strip(" |"): each.strip(" |") for mode, each in zip(head, found, strict=True)}


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_the_page_says_what_happens_in_each_mode(
    table: str, row: str, empty_database: db.Database
) -> None:
    if reason := find_missing(PGBOUNCER, wire=True):
        pytest.skip(reason)
    cell, modes, said = TABLES[table][row], modes_of(table), documented(table, row)
    found = {name: asyncio.run(cell(empty_database.url, mode)) for name, mode in modes.items()}
    assert found == {name: said[name] for name in modes}


def test_the_page_has_each_row_and_no_other() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    for table, rows in TABLES.items():
        start = lines.index(f"<!-- {table} -->") + 3
        end = lines.index("", start)
        assert [line.split(" | ")[0].strip("| ") for line in lines[start:end]] == list(rows)
