"""poetryw installs what a command needs, and passes all arguments to the command."""

import hashlib
import importlib.metadata
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orm_async_tests import catalogue, db
from orm_async_tests.harness.script import Script
from tests.conftest import with_url
from tests.packaging import backend
from tests.packaging.conftest import POETRY, ROOT, Checkout, write_program

INSTALL_SCRIPTS = [
    *("poetry", "install", "--only", "main"),
    *("--extras", "scripts anyio psycopg sqlite uvloop", "--no-interaction"),
]
INSTALL_ALL = ["poetry", "sync", "--all-extras", "--no-interaction"]
PACKAGES_FOR_SCRIPTS = {"aiosqlite", "anyio", "psycopg", "uvloop"}


def test_poetryw_installs_once_and_passes_every_argument_on(checkout: Checkout) -> None:
    words = ["-s", "tests", "--", "-k", "two words", ""]
    assert checkout.run("run", "nox", *words) == 0
    assert checkout.run("run", "--", "nox", *words) == 0
    assert checkout.calls == [INSTALL_ALL, ["nox", *words], ["nox", *words]]


def test_poetryw_returns_the_exit_code(checkout: Checkout) -> None:
    assert checkout.run("run", "test1", "fail") == 7


@pytest.mark.parametrize(
    ("command", "install"),
    [
        ("test1", INSTALL_SCRIPTS),
        ("test50", INSTALL_ALL),
        ("alembic upgrade head", INSTALL_SCRIPTS),
        ("orm-async-tests why MissingGreenlet", INSTALL_SCRIPTS),
        ("orm-async-tests lint src", INSTALL_SCRIPTS),
        ("orm-async-tests --help", INSTALL_SCRIPTS),
        ("orm-async-tests run --all", INSTALL_ALL),
        ("nox", INSTALL_ALL),
    ],
)
def test_poetryw_installs_what_a_command_needs(
    checkout: Checkout, command: str, install: list[str]
) -> None:
    assert checkout.run("run", *command.split()) == 0
    assert checkout.calls == [install, command.split()]


def test_poetryw_installs_the_rest_when_a_command_needs_it(checkout: Checkout) -> None:
    for command in ("test1", "nox", "test1"):
        checkout.run("run", command)
    assert checkout.calls == [INSTALL_SCRIPTS, ["test1"], INSTALL_ALL, ["nox"], ["test1"]]


def test_scripts_of_two_chapters_need_more_than_poetryw_installs_for_a_script() -> None:
    extras = re.search(r'^SCRIPTS="(.+?)"', (ROOT / "poetryw").read_text("utf-8"), re.MULTILINE)
    assert extras is not None
    assert extras[1] == INSTALL_SCRIPTS[5]
    needy = set()
    for entry in catalogue.read_scripts():
        packages = {need for need in Script.of(entry.load()).requirements if need.isidentifier()}
        if packages - PACKAGES_FOR_SCRIPTS - {"binaries", "pgbouncer", "standby"}:
            needy.add(entry.chapter)
    assert needy == {"testing", "web"}


def test_two_first_runs_at_once_install_once(checkout: Checkout) -> None:
    with checkout.started("run", "test1") as one, checkout.started("run", "test1") as other:
        assert (one.wait(), other.wait()) == (0, 0)
    assert checkout.calls.count(INSTALL_SCRIPTS) == 1


@pytest.mark.parametrize("name", ["poetry.lock", "pyproject.toml"])
def test_poetryw_installs_again_when_the_project_has_changed(checkout: Checkout, name: str) -> None:
    checkout.run("run", "test1")
    later = (checkout.folder / ".poetry/installed").stat().st_mtime + 1
    os.utime(checkout.folder / name, (later, later))
    checkout.run("run", "test1")
    assert checkout.calls.count(INSTALL_SCRIPTS) == 2


def test_poetryw_installs_again_when_the_environment_is_missing(checkout: Checkout) -> None:
    checkout.run("run", "test1")
    moved = checkout.environment.rename(checkout.environment.with_name("moved"))
    assert checkout.run("run", "test1") == 2
    moved.rename(checkout.environment)
    assert checkout.calls.count(INSTALL_SCRIPTS) == 2


def test_poetryw_installs_again_in_a_moved_checkout(checkout: Checkout) -> None:
    checkout.run("run", "test1")
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))
    checkout.run("run", "test1")
    assert checkout.calls.count(INSTALL_SCRIPTS) == 2


def test_a_script_runs_although_its_interpreters_path_has_a_space(checkout: Checkout) -> None:
    python, script = (checkout.environment / "bin" / name for name in ("python", "greet"))
    python.symlink_to(sys.executable)
    write_program(script, f"#!{python}\nimport sys\nprint('hello', *sys.argv[1:])\n")
    assert " " in str(python)
    assert checkout.run("run", "test1") == 0
    assert subprocess.check_output([script, "two words"], text=True) == "hello two words\n"


def test_poetryw_finds_its_checkout_through_links(checkout: Checkout, tmp_path: Path) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.joinpath("link").symlink_to(checkout.folder / "poetryw")
    bin_folder.joinpath("poetryw").symlink_to("link")
    with_link = Checkout(bin_folder, checkout.path)
    assert with_link.run("run", "test1") == 0
    assert checkout.calls == [INSTALL_SCRIPTS, ["test1"]]
    assert (checkout.folder / ".poetry").exists()
    assert not (bin_folder / ".poetry").exists()


def test_poetryw_does_not_install_the_project_before_it_locks(checkout: Checkout) -> None:
    assert checkout.run("lock") == 0
    assert checkout.calls == [["poetry", "lock"]]


def test_poetryw_leaves_another_projects_environment_alone(checkout: Checkout) -> None:
    echo = 'echo "${VIRTUAL_ENV-none}|" >>"$LOG"\n'
    write_program(checkout.folder.parent / "bin/poetry", POETRY + echo)
    checkout.run("lock", VIRTUAL_ENV="/somewhere/else")
    assert checkout.calls == [["poetry", "lock"], ["none"]]


def test_poetryw_names_a_command_that_does_not_exist(
    checkout: Checkout, capfd: pytest.CaptureFixture[str]
) -> None:
    assert checkout.run("run", "test999") == 2
    message = capfd.readouterr().err.splitlines()
    assert "there is no command test999" in message
    assert [line.partition(":")[0].strip() for line in message[-2:]] == ["where", "fix"]


def test_poetryw_shows_what_poetry_said_when_it_fails(
    checkout: Checkout, capfd: pytest.CaptureFixture[str]
) -> None:
    fail = POETRY + "echo the network is unreachable\nexit 1\n"
    write_program(checkout.folder.parent / "bin/poetry", fail)
    assert checkout.run("run", "test1") == 2
    assert "the network is unreachable" in capfd.readouterr().err
    assert not (checkout.folder / ".poetry/installed").exists()


def test_poetryw_installs_the_scripts_by_pip_where_there_is_no_poetry(
    checkout: Checkout, capfd: pytest.CaptureFixture[str]
) -> None:
    """pip also installs a package that the Python with pip already has."""
    wheels = checkout.folder.parent / "wheels"
    wheels.mkdir()
    shutil.copy(backend.__file__, checkout.folder)
    version = importlib.metadata.version("iniconfig")
    wheel = wheels / backend.write_wheel(wheels, "iniconfig", version)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (checkout.folder / "poetry.lock").write_text(LOCK.format(version, digest), "utf-8")
    (checkout.folder / "pyproject.toml").write_text(PROJECT, "utf-8")
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "POETRY": "1.8.0"}
    assert checkout.run("run", "test1", "--", "-v", **offline) == 0
    shown = capfd.readouterr()
    assert shown.err.splitlines() == ["poetryw: installing 1 packages into .venv/"]
    assert shown.out.split() == ["locked", "--", "-v"]
    assert list(checkout.folder.glob(".venv/lib/*/site-packages/iniconfig.py"))
    (checkout.folder / "poetry.lock").write_text(LOCK.format(version, "0" * 64), "utf-8")
    (checkout.folder / ".venv").rename(checkout.folder / "before")
    assert checkout.run("run", "test1", **offline) == 2


LOCK = """
[[package]]
name = "iniconfig"
version = "{}"
groups = ["main", "test"]
markers = {{main = "extra == 'psycopg' and python_version > '3'"}}
files = [{{file = "any.whl", hash = "sha256:{}"}}]

[[package]]
name = "of-the-service"
version = "1.0"
groups = ["main"]
markers = "extra == 'service'"
files = []

[[package]]
name = "of-a-test"
version = "1.0"
groups = ["test"]
files = []
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def test_poetryw_shell_runs_what_is_typed_before_it_is_up(
    checkout: Checkout, database: db.Database
) -> None:
    checkout.environment.joinpath("bin/test5").symlink_to(Path(sys.executable).parent / "test5")
    terminal, end = pty.openpty()
    os.write(terminal, b"test5\nexit\n")
    environment = {**with_url(database), "SHELL": "/bin/sh"}
    with subprocess.Popen(
        [checkout.folder / "poetryw", "shell"],
        env={**environment, **checkout.variables},
        stdin=end,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        os.close(end)
        shown = process.communicate()[0].decode()
    os.close(terminal)
    assert "  HOLDS\n" in shown


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_poetryw_runs_a_script_in_a_fresh_clone(
    checkout: Checkout, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """If the Poetry on PATH is too old, pip installs the packages, and poetryw prints one line."""
    clone = checkout.folder.parent / "a clone"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{ROOT}", clone], check=True)
    checkout.folder = clone
    variables = {name: value for name, value in os.environ.items() if name != "PATH"}
    assert checkout.run("run", "test5", **variables, POETRY="1.8.0") == 0
    shown = capfd.readouterr()
    assert "  HOLDS\n" in shown.out
    assert [line for line in shown.err.splitlines() if line.startswith("poetryw")] == [
        line for line in shown.err.splitlines() if not line.startswith("db:")
    ]
    assert checkout.run("run", "test5", "--driver", "psycopg", **variables) == 0
    assert "poetryw" not in capfd.readouterr().err
    assert (clone / ".venv/bin/alembic").exists()
    assert not (clone / ".poetry/venv").exists()
