"""What poetryw decides, seen by a Poetry on PATH that writes down what it is told."""

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from orm_async_tests import db
from tests.conftest import with_url

ROOT = Path(__file__).parent.parent.parent
POETRY = """#!/bin/sh
case "$*" in
*--version*) echo "Poetry (version 2.4.0)"; exit ;;
*"env info"*) mkdir -p "$ENVIRONMENT"; echo "$ENVIRONMENT"; exit ;;
*fail*) exit 7 ;;
esac
shift 2
(printf '%s|' "$@"; echo) >>"$LOG"
"""


@dataclass
class Checkout:
    """A folder with poetryw, and what its Poetry was told."""

    folder: Path

    @contextmanager
    def started(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """poetryw in the background."""
        with subprocess.Popen(
            [self.folder / "poetryw", *arguments], env={**self.known, **environment}, cwd="/"
        ) as process:
            yield process

    def run(self, *arguments: str, **environment: str) -> int:
        """The exit code of poetryw with these arguments."""
        with self.started(*arguments, **environment) as process:
            return process.wait()

    @property
    def known(self) -> dict[str, str]:
        """The variables that poetryw sees."""
        return {
            "PATH": f"{self.folder.parent / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "LOG": str(self.log),
            "ENVIRONMENT": str(self.environment),
            "POETRY_PYPI_MIRROR_URL": "chosen by the user: the index is not asked",
        }

    @property
    def log(self) -> Path:
        return self.folder.parent / "log"

    @property
    def environment(self) -> Path:
        return self.folder.parent / "an environment"

    @property
    def told(self) -> list[list[str]]:
        """The arguments of each call of Poetry, after -P and its folder."""
        return [line.split("|")[:-1] for line in self.log.read_text("utf-8").splitlines()]


INSTALL = ["sync", "--all-extras", "--no-interaction"]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout in a path with spaces, not installed."""
    folder = tmp_path / "a check out"
    for each in (folder, tmp_path / "bin"):
        each.mkdir()
    shutil.copy(ROOT / "poetryw", folder)
    for name in ("poetry.lock", "pyproject.toml"):
        (folder / name).touch()
    poetry = tmp_path / "bin/poetry"
    poetry.write_text(POETRY, "utf-8")
    poetry.chmod(0o755)
    return Checkout(folder)


def test_poetryw_installs_once_and_passes_everything_on(checkout: Checkout) -> None:
    assert checkout.run("run", "test1", "two words", "") == 0
    assert checkout.run("run", "test5") == 0
    assert checkout.told == [INSTALL, ["run", "test1", "two words", ""], ["run", "test5"]]


def test_poetryw_returns_the_exit_code(checkout: Checkout) -> None:
    assert checkout.run("run", "fail") == 7


def test_two_first_runs_at_once_install_once(checkout: Checkout) -> None:
    with checkout.started("run", "test1") as one, checkout.started("run", "test1") as other:
        assert (one.wait(), other.wait()) == (0, 0)
    assert checkout.told.count(INSTALL) == 1


@pytest.mark.parametrize("name", ["poetry.lock", "pyproject.toml"])
def test_poetryw_installs_again_when_the_project_has_changed(checkout: Checkout, name: str) -> None:
    checkout.run("run", "test1")
    later = (checkout.folder / ".poetry/installed").stat().st_mtime + 1
    os.utime(checkout.folder / name, (later, later))
    checkout.run("run", "test1")
    assert checkout.told.count(INSTALL) == 2


def test_poetryw_installs_again_when_the_environment_is_gone(checkout: Checkout) -> None:
    checkout.run("run", "test1")
    checkout.environment.rmdir()
    checkout.run("run", "test1")
    assert checkout.told.count(INSTALL) == 2


def test_poetryw_installs_again_in_a_moved_checkout(checkout: Checkout) -> None:
    checkout.run("run", "test1")
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))
    checkout.run("run", "test1")
    assert checkout.told.count(INSTALL) == 2


def test_poetryw_does_not_install_before_it_locks(checkout: Checkout) -> None:
    assert checkout.run("lock") == 0
    assert checkout.told == [["lock"]]


def test_poetryw_leaves_another_projects_environment_alone(checkout: Checkout) -> None:
    poetry = checkout.folder.parent / "bin/poetry"
    poetry.write_text(POETRY + 'echo "${VIRTUAL_ENV-none}|" >>"$LOG"\n', "utf-8")
    checkout.run("lock", VIRTUAL_ENV="/somewhere/else")
    assert checkout.told == [["lock"], ["none"]]


def test_poetryw_shell_runs_what_is_typed_before_it_is_up(
    checkout: Checkout, database: db.Database
) -> None:
    poetry = checkout.folder.parent / "bin/poetry"
    poetry.write_text(POETRY + '[ "$1" != run ] || exec "$2"\n', "utf-8")
    terminal, end = pty.openpty()
    os.write(terminal, b"test5\nexit\n")
    environment = {**with_url(database), "SHELL": "/bin/sh"}
    with subprocess.Popen(
        [checkout.folder / "poetryw", "shell"],
        env={**environment, **checkout.known},
        stdin=end,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        os.close(end)
        shown = process.communicate()[0].decode()
    os.close(terminal)
    assert "  HOLDS\n" in shown
