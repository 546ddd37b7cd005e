"""The contenders, and the virtual environments of those that need one."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from orm_async_tests.errors import CouldNotRun

CONTENDERS = Path(__file__).parent / "contenders"
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")
WHEELS_ONLY = ("--quiet", "--only-binary", ":all:")


@dataclass(frozen=True)
class Contender:
    """A module in contenders/ that does the workloads.

    One with pins runs in a virtual environment of its own; `same` names the libraries that have
    this project's version there, so that the contender is the only difference.
    """

    name: str
    libraries: tuple[str, ...]
    pins: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    why: str = ""

    @property
    def requirements(self) -> list[str]:
        """The requirements that pip installs into its environment."""
        return [*self.pins, *(f"{name}=={_public_version(name)}" for name in self.same)]

    @property
    def source(self) -> Path:
        """The path of its module."""
        return CONTENDERS / f"{self.name}.py"


def load_contenders() -> dict[str, Contender]:
    """Return every contender by name, beginning with the base that the others are compared with."""
    pins = tomllib.loads((CONTENDERS / "pins.toml").read_text("utf-8"))
    return {
        name: Contender(
            name,
            tuple(entry["libraries"]),
            tuple(entry.get("pins", ())),
            tuple(entry.get("same", ())),
            entry.get("why", ""),
        )
        for name, entry in pins.items()
    }


def interpreter(contender: Contender, home: Path) -> str:
    """Return the Python that has the contender's libraries, installing them if necessary.

    Raises CouldNotRun if pip cannot install them.
    """
    if not contender.pins:
        return sys.executable
    requirements = contender.requirements
    identity = repr((requirements, sys.implementation.cache_tag))
    digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
    folder = home / "contenders" / f"{contender.name}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _install(folder, requirements)
    return str(folder / "bin/python")


def _install(folder: Path, requirements: list[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    print(f"bench: installing {' '.join(requirements)} into {folder}", file=sys.stderr)
    python = str(folder / "bin/python")
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        [sys.executable, *PIP, "--python", python, "install", *WHEELS_ONLY, *requirements],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
            raise CouldNotRun(
                f"a contender cannot be installed: {lines[-1]}",
                str(folder),
                f"{sys.executable} -m pip download {' '.join(requirements)}, or leave out --peers",
            )
    (folder / "complete").touch()


def _public_version(name: str) -> str:
    return version(name).partition("+")[0]
