"""A script is a program too: run as a file or by -m it does what its command does."""

import subprocess
import sys

import pytest

from orm_async_tests import catalogue, db
from tests.conftest import with_url

[ENTRY] = catalogue.select(["5"])


@pytest.mark.parametrize("how", [[str(ENTRY.path)], ["-m", ENTRY.module]], ids=["file", "module"])
def test_a_script_run_without_its_command_gives_its_verdict(
    how: list[str], database: db.Database
) -> None:
    done = subprocess.run(
        [sys.executable, *how], env=with_url(database), capture_output=True, text=True, check=True
    )
    assert "  HOLDS\n" in done.stdout


def test_a_script_run_as_a_file_has_its_options_and_exit_codes(database: db.Database) -> None:
    done = subprocess.run(
        [sys.executable, ENTRY.path, "--driver", "sqlite"],
        env=with_url(database),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "type: " in done.stderr
