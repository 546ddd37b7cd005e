"""You can also run a script as a file or with `python -m`, with the same result."""

import subprocess
import sys

import pytest

from orm_async_tests import catalogue, db
from tests.conftest import with_url

SCRIPT = catalogue.select_one("5")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([str(SCRIPT.path)], id="file"),
        pytest.param(["-m", SCRIPT.module], id="module", marks=pytest.mark.thorough),
    ],
)
def test_a_script_run_without_its_command_gives_its_verdict(
    arguments: list[str], database: db.Database
) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=with_url(database),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "  HOLDS\n" in done.stdout


@pytest.mark.thorough
def test_a_script_run_as_a_file_has_its_options_and_exit_codes(database: db.Database) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT.path, "--driver", "sqlite"],
        env=with_url(database),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "fix: " in done.stderr
