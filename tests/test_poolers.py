"""The tables of docs/poolers.md show what the installed PgBouncer does."""

import asyncio

import pytest

from orm_async_tests import db
from orm_async_tests.harness.environment.requirements import PGBOUNCER, find_missing
from orm_async_tests.html_report.recorded_tables import parse_table, read_section
from tests.poolers import TABLES, available_modes

ROWS = [(table, row) for table, rows in TABLES.items() for row in rows]
DEFAULT_ROWS = ("asyncpg, both caches 0", "`SET`", "`server_settings`: timezone")


def read_table(name: str) -> dict[str, dict[str, str]]:
    """Return the rows of a table of the page. A row maps the pool modes to cells."""
    (_, *modes), *rows = parse_table(read_section("poolers.md", name))
    return {row: dict(zip(modes, cells, strict=True)) for row, *cells in rows}


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
    cell, modes, documented = TABLES[table][row], available_modes(table), read_table(table)[row]
    results = {name: asyncio.run(cell(empty_database.url, mode)) for name, mode in modes.items()}
    assert results == {name: documented[name] for name in modes}


def test_the_page_has_exactly_the_rows_of_the_tables() -> None:
    for table, rows in TABLES.items():
        assert [*read_table(table)] == [*rows]
