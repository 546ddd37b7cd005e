"""The tables of docs/poolers.md show what the installed PgBouncer does."""

import asyncio
from pathlib import Path

import pytest

from orm_async_tests import db
from orm_async_tests.harness.environment.requirements import PGBOUNCER, find_missing
from tests.poolers import TABLES, available_modes

PAGE = Path(__file__).parents[1] / "docs/poolers.md"
ROWS = [(table, row) for table, rows in TABLES.items() for row in rows]
DEFAULT_ROWS = ("asyncpg, both caches 0", "`SET`", "`server_settings`: timezone")


def read_row(table: str, row: str) -> dict[str, str]:
    """Map the pool modes to the cells of a row of the page."""
    section = PAGE.read_text("utf-8").partition(f"<!-- {table} -->\n")[2].partition("\n\n")[0]
    lines = {name: cells for name, *cells in (line.split(" | ") for line in section.splitlines())}
    head, cells = lines["| "], lines[f"| {row}"]
    return {mode.strip(" |"): cell.strip(" |") for mode, cell in zip(head, cells, strict=True)}


@pytest.mark.parametrize(
    ("table", "row"),
    [
        pytest.param(*pair, marks=() if pair[1] in DEFAULT_ROWS else pytest.mark.thorough)
        for pair in ROWS
    ],
)
def test_the_page_shows_what_happens_in_every_mode(
    table: str, row: str, empty_database: db.Database
) -> None:
    if missing := find_missing(PGBOUNCER, wire=True):
        pytest.skip(str(missing))
    cell, modes, documented = TABLES[table][row], available_modes(table), read_row(table, row)
    results = {name: asyncio.run(cell(empty_database.url, mode)) for name, mode in modes.items()}
    assert results == {name: documented[name] for name in modes}


def test_the_page_has_exactly_the_rows_of_the_tables() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    for table, rows in TABLES.items():
        start = lines.index(f"<!-- {table} -->") + 3
        end = lines.index("", start)
        assert [line.split(" | ")[0].strip("| ") for line in lines[start:end]] == list(rows)
