"""The contenders, and their environments: a virtual environment each, made once and kept."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from orm_async_tests.errors import CouldNotRun

CONTENDERS = Path(__file__).parent / "contenders"
OURS = ("asyncpg", "sqlalchemy", "sqlalchemy_tuned", "sqlalchemy_core")
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")
HOW = ("--quiet", "--only-binary", ":all:")


@dataclass(frozen=True)
class Contender:
    """A library that does the workloads; pins and here are what its environment has."""

    name: str
    libraries: tuple[str, ...]
    pins: tuple[str, ...] = ()
    here: tuple[str, ...] = ()  # in the version that this project has
    why: str = ""
    folder: str = ""  # of the suite whose workloads it does

    @property
    def requirements(self) -> list[str]:
        """What pip installs; nothing for those that run in this environment."""
        return [*self.pins, *(f"{name}=={_plain_version(name)}" for name in self.here)]

    @property
    def source(self) -> Path:
        """The module with its patterns."""
        return CONTENDERS / self.folder / f"{self.name}.py"

    @property
    def module(self) -> str:
        """The same as a worker imports it."""
        return f"{self.folder}.{self.name}".strip(".")


def contenders() -> dict[str, Contender]:
    """Every contender by its name; first what the others are compared with."""
    pins = tomllib.loads((CONTENDERS / "pins.toml").read_text("utf-8"))
    return {name: _contender(name, each) for name, each in pins.items()}


def _contender(name: str, pinned: dict[str, Any]) -> Contender:
    libraries, pins, here = (tuple(pinned.get(key, ())) for key in ("libraries", "pins", "here"))
    return Contender(name, libraries, pins, here, pinned.get("why", ""))


def interpreter(contender: Contender, home: Path) -> str:
    """The Python that has the contender's library; CouldNotRun if pip cannot install it."""
    if not contender.pins:
        return sys.executable
    wanted = contender.requirements
    made_of = repr((wanted, sys.implementation.cache_tag))
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:8]
    folder = home / "contenders" / f"{contender.name}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("a") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _make(folder, wanted)
    return str(folder / "bin/python")


def _make(folder: Path, wanted: list[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    print(f"bench: installing {' '.join(wanted)} into {folder}", file=sys.stderr)
    python = str(folder / "bin/python")
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        [sys.executable, *PIP, "--python", python, "install", *HOW, *wanted],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["without a word"]
            raise CouldNotRun(
                f"a contender cannot be installed: {said[-1]}",
                str(folder),
                f"{sys.executable} -m pip download {' '.join(wanted)}, or --peers without it",
            )
    (folder / "complete").touch()


def _plain_version(name: str) -> str:
    return version(name).partition("+")[0]
