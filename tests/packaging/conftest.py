"""A checkout with poetryw, and a fake Poetry that only logs its arguments."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
RECORD = '(printf "%s|" "${0##*/}" "$@"; echo) >>"$LOG"\n'
POETRY = f"""#!/bin/sh
case "$*" in
*--version*) echo "Poetry (version ${{POETRY:-2.4.0}})"; exit ;;
*"env info"*) echo "$ENVIRONMENT"; exit ;;
esac
shift 2
{RECORD}"""
PROGRAM = f'#!/bin/sh\n{RECORD}[ "${{1:-}}" != fail ] || exit 7\n'
PROGRAMS = ("alembic", "nox", "orm-async-tests", "test1", "test50")


@dataclass
class Checkout:
    """A folder with poetryw, and fake programs that log their arguments."""

    folder: Path
    path: str

    @contextmanager
    def started(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run poetryw in the background."""
        with subprocess.Popen(
            [self.folder / "poetryw", *arguments], env={**self.variables, **environment}, cwd="/"
        ) as process:
            yield process

    def run(self, *arguments: str, **environment: str) -> int:
        """Run poetryw with these arguments, and return its exit code."""
        with self.started(*arguments, **environment) as process:
            return process.wait()

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that poetryw gets."""
        return {
            "PATH": self.path,
            "LOG": str(self.log),
            "ENVIRONMENT": str(self.environment),
            "POETRY_PYPI_MIRROR_URL": "chosen by the user, so that the index is not asked",
        }

    @property
    def log(self) -> Path:
        return self.folder.parent / "log"

    @property
    def environment(self) -> Path:
        return self.folder.parent / "an environment"

    @property
    def calls(self) -> list[list[str]]:
        """Return the program and arguments of every call, without Poetry's option -P."""
        return [line.split("|")[:-1] for line in self.log.read_text("utf-8").splitlines()]


def write_program(path: Path, text: str) -> None:
    """Write an executable file."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout without an environment, in a path with spaces, with a Poetry on PATH."""
    folder = tmp_path / "a check out"
    web = folder / "src/orm_async_tests/scripts/web"
    web.mkdir(parents=True)
    (web / "test050_commit_after_response.py").touch()
    shutil.copy(ROOT / "poetryw", folder)
    for name in ("poetry.lock", "pyproject.toml"):
        (folder / name).touch()
    write_program(tmp_path / "bin/poetry", POETRY)
    (tmp_path / "an environment").mkdir()
    for name in PROGRAMS:
        write_program(tmp_path / "an environment/bin" / name, PROGRAM)
    write_program(tmp_path / "bin/python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    return Checkout(folder, f"{tmp_path / 'bin'}:/usr/bin:/bin")
