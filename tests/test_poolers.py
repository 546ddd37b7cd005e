"""The table of docs/poolers.md is what the PgBouncer that is installed does."""

import asyncio
from pathlib import Path

import pytest
from bench.poolers import SETTINGS, Setting, cell, possible

from orm_async_tests import db
from orm_async_tests.harness.needs import PGBOUNCER, missing

PAGE = Path(__file__).parent.parent / "docs/poolers.md"


def documented(setting: Setting) -> dict[str, str]:
    """What the page says of a setting, by mode."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    rows = {name: cells for name, *cells in (line.strip("| ").split(" | ") for line in lines)}
    return dict(zip(rows["Driver and settings"], rows[setting.name], strict=True))


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_the_page_says_what_a_setting_does_in_each_mode(
    setting: Setting, empty_database: db.Database
) -> None:
    if reason := missing(PGBOUNCER, wire=True):
        pytest.skip(reason)
    modes = possible()
    found = {name: asyncio.run(cell(empty_database.url, setting, modes[name])) for name in modes}
    assert found == {name: documented(setting)[name] for name in modes}
