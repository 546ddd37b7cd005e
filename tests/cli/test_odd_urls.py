"""Every command that takes a database URL refuses an invalid URL, and changes nothing."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.config import main as alembic

from orm_async_tests import catalogue, cli
from orm_async_tests.service.serve import main as serve
from tests.odd_urls import NOWHERE, WRONG

ROOT = Path(__file__).parent.parent.parent
COMMANDS: dict[str, tuple[Callable[[], object], list[str]]] = {
    "test5": (lambda: catalogue.select_one("5").load().main(), []),
    "run": (cli.main, ["run", "5"]),
    "status": (cli.main, ["db", "status"]),
    "psql": (cli.main, ["db", "psql", "--", "-c", "SELECT 1"]),
    "faults": (cli.main, ["faults", "--pattern", "add", "--fault", "cancel"]),
    "doctor": (cli.main, ["doctor"]),
    "serve": (serve, ["--port", "0"]),
    "alembic": (lambda: alembic(), ["-c", str(ROOT / "alembic.ini"), "upgrade", "head"]),
}


def call(name: str, patch: pytest.MonkeyPatch) -> object:
    """Run a command in this process and return its exit code."""
    command, arguments = COMMANDS[name]
    patch.setattr(sys, "argv", [name, *arguments])
    try:
        return command()
    except SystemExit as stopped:
        return stopped.code


@pytest.mark.parametrize("url", [*WRONG, *NOWHERE])
def test_a_url_that_cannot_be_used_ends_every_command_with_2(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("ORM_ASYNC_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in COMMANDS:
        if name == "psql" and url in NOWHERE:
            continue  # psql connects by itself, and prints its own error
        code = call(name, monkeypatch)
        printed = "".join(capsys.readouterr())
        assert (name, code) == (name, 2), printed
        assert "\n  where: " in printed
        assert "\n  fix:   " in printed
        assert "Traceback" not in printed
        assert ":p@" not in printed
    assert list(tmp_path.iterdir()) == []
