"""Every command that takes a database URL refuses an invalid URL, and changes nothing."""

from pathlib import Path

import pytest

from tests.cli.commands import DATABASE_COMMANDS, assert_refused
from tests.odd_urls import NOWHERE, WRONG


@pytest.mark.parametrize(
    "url",
    [  # tests/test_urls.py parses all wrong URLs in every run
        pytest.param(url, marks=() if position % 5 == 0 else pytest.mark.thorough)
        for position, url in enumerate([*WRONG, *NOWHERE])
    ],
)
def test_a_url_that_cannot_be_used_ends_every_command_with_2(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("ORM_ASYNC_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    # psql connects by itself, and prints its own error.
    names = DATABASE_COMMANDS.keys() - {"psql" if url in NOWHERE else ""}
    assert ":p@" not in assert_refused(*names)
    assert list(tmp_path.iterdir()) == []
