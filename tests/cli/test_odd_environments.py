"""Every command refuses invalid environment variables and folders, and changes nothing."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orm_async_tests import cli, scripts
from orm_async_tests.exit_codes import run_command
from orm_async_tests.service.serve import main as serve
from tests.cli.commands import DATABASE_COMMANDS, assert_refused

SCRIPTS = ("test5", "run")


def make_folder(path: Path, mode: int) -> None:
    path.mkdir()
    path.chmod(mode)


HOMES: dict[str, Callable[[Path], object]] = {
    "a file": lambda path: path.touch(),
    "a pipe": os.mkfifo,
    "a folder for everybody": lambda path: make_folder(path, 0o777),
    "a sticky folder": lambda path: make_folder(path, 0o1777),
    "a folder for the group": lambda path: make_folder(path, 0o770),
    "a link to a file": lambda path: path.symlink_to(__file__),
    "a loop of links": lambda path: path.symlink_to(path),
}
VARIABLES = [
    ("ORM_ASYNC_HOME", "/proc/1"),
    ("ORM_ASYNC_HOME", "/dev/null/home"),
    ("ORM_ASYNC_HOME", os.fsdecode(b"/tmp/\xff")),
    ("ORM_ASYNC_HOME", "/tmp/a\nb"),
    ("ORM_ASYNC_HOME", "/tmp/" + "x" * 300),
    ("ORM_ASYNC_PG_BIN", "/no/such/folder"),
    ("ORM_ASYNC_PG_BIN", "/etc/passwd"),
    ("ORM_ASYNC_PG_BIN", "/no\nsuch"),
]


@pytest.mark.parametrize("kind", HOMES)
def test_every_command_refuses_an_odd_home(
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = tmp_path / "home"
    HOMES[kind](home)
    before = home.lstat()
    monkeypatch.setenv("ORM_ASYNC_HOME", str(home))

    assert_refused(*DATABASE_COMMANDS)

    assert list(tmp_path.rglob("*")) == [home]
    after = home.lstat()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


@pytest.mark.parametrize(("variable", "value"), VARIABLES)
def test_every_command_refuses_an_odd_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert_refused(*DATABASE_COMMANDS)


@pytest.mark.parametrize("port", ["0", "99999", "many"])
def test_every_command_refuses_an_odd_port_of_compose(
    port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORM_ASYNC_DB", "compose")
    monkeypatch.setenv("ORM_ASYNC_COMPOSE_PORT", port)
    assert_refused(*DATABASE_COMMANDS)


@pytest.mark.parametrize("word", ["nonsense", "pgbouncer>=99", "standby,nonsense"])
def test_scripts_refuse_an_odd_requirement(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORM_ASYNC_REQUIRE", word)
    assert_refused(*SCRIPTS)


@pytest.mark.parametrize("idle", ["soon", "-1", "inf", "nan"])
def test_every_command_that_starts_the_server_refuses_an_odd_idle_time(
    idle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORM_ASYNC_IDLE", idle)
    assert_refused(*DATABASE_COMMANDS.keys() - {"status"})


def test_a_character_that_the_encoding_lacks_is_printed_as_an_escape(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, "ascii", write_through=True))
    assert run_command(lambda: print("café") or 0) == 0
    assert printed.getvalue() == b"caf\\xe9\n"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_closed_stream_is_like_an_empty_device(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, name, None)
    monkeypatch.setattr(sys, "argv", ["orm-async-tests", "list"])
    assert cli.main() == 0
    getattr(sys, name).close()


@pytest.mark.parametrize("command", ["orm-async-tests", "test5", "serve"])
def test_a_help_page_that_cannot_be_printed_is_an_error(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mains = {"orm-async-tests": cli.main, "test5": scripts.__getattr__("test5"), "serve": serve}
    monkeypatch.setattr(sys, "argv", [command, "--help"])
    with io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True) as full:
        monkeypatch.setattr(sys, "stdout", full)  # as with PYTHONUNBUFFERED
        assert mains[command]() == 2
    assert "\n  where: standard output\n" in capsys.readouterr().err


def test_an_error_that_cannot_be_printed_has_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["orm-async-tests", "explain", "9999"])
    with io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True) as full:
        monkeypatch.setattr(sys, "stderr", full)
        assert cli.main() == 2


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_full_disk_is_refused(
    size: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run_command(lambda: print("x" * size) or 0) == 2
    assert "\n  where: standard output\n" in capsys.readouterr().err
