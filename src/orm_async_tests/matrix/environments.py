"""Finds a Python interpreter for a stack, and installs the packages of the stack."""

import fcntl
import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.matrix.plans import PYTHON_VERSION, Plan
from orm_async_tests.postgres.paths import home
from orm_async_tests.versions.releases import (
    THIS_PYTHON,
    NotInstalled,
    Python,
    install,
    install_release,
    last_line,
    list_releases,
)

EXTRAS = ("scripts", "anyio", "psycopg", "service", "uvloop")
ALSO_INSTALLED = ("aiosqlite", "httpx")  # a driver, and the client of the scripts about the web
SOURCES = Path(__file__).parents[2]


def prepare_stack(plan: Plan) -> tuple[str, dict[str, str]]:
    """Install the packages of a stack, and return its Python command and environment variables."""
    python = prepare_interpreter(plan.python)
    folders = [
        install_release(library, _newest(library, version), python)
        for library, version in plan.pins.items()
    ]
    return python.command, {"PYTHONPATH": os.pathsep.join(map(str, [*folders, SOURCES]))}


def _newest(library: str, version: str) -> str:
    if version.count(".") != 1:
        return version
    try:
        releases = [name for name in list_releases(library) if name.startswith(f"{version}.")]
    except CouldNotRun as error:  # another stack may run nevertheless
        raise NotInstalled(error.problem) from None
    if not releases:
        raise NotInstalled(f"{library} has no release {version}")
    return releases[-1]


def prepare_interpreter(version: str) -> Python:
    if version == PYTHON_VERSION:
        return THIS_PYTHON
    requirements = sorted(_requirements())
    digest = hashlib.sha256(repr(requirements).encode()).hexdigest()[:8]
    folder = home() / "environments" / f"python{version}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    tag = THIS_PYTHON.tag.replace(PYTHON_VERSION.replace(".", ""), version.replace(".", ""))
    python = Python(str(folder / "bin/python"), tag)
    with folder.with_name(f"{folder.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _create_environment(version, folder, python, requirements)
    return python


def find_interpreter(version: str) -> str:
    """Return the path of a Python interpreter from PATH or from pyenv.

    The parameter `version` is a minor version, for example "3.12".
    """
    if not re.fullmatch(r"\d+\.\d+", version):
        raise NotInstalled(f"{version!r} is not a minor version of Python")
    supported = importlib.metadata.metadata("orm-async-tests")["Requires-Python"]
    if not SpecifierSet(supported).contains(version):
        raise NotInstalled(f"the scripts need Python {supported}, not {version}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    installed = list[Path]()
    with suppress(PermissionError):  # the folder of another user
        paths = pyenv.glob(f"{version}.*/bin/python")
        installed = sorted(paths, key=lambda path: path.stat().st_mtime)
    problem = f"there is no python{version} on PATH"
    for command in filter(None, [shutil.which(f"python{version}"), *map(str, installed)]):
        # pyenv's program `python3.12` fails unless pyenv has activated Python 3.12.
        test = subprocess.run([command, "-c", "import sys"], capture_output=True, text=True)
        if test.returncode == 0:
            return command
        problem = f"{command} does not start: {test.stderr.strip().partition(chr(10))[0]}"
    raise NotInstalled(problem)


def _create_environment(
    version: str, folder: Path, python: Python, requirements: Sequence[str]
) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    program = find_interpreter(version)
    venv = subprocess.run([program, "-m", "venv", str(folder)], capture_output=True, text=True)
    if venv.returncode:
        problem = last_line(venv.stderr or venv.stdout)
        raise NotInstalled(f"{program} cannot create an environment: {problem}")
    install(*requirements, python=python)
    (folder / "complete").touch()


def _requirements() -> set[str]:
    """Return the installed versions of the packages that the scripts use."""
    pins = set()
    declared = importlib.metadata.requires("orm-async-tests") or []
    for requirement in map(Requirement, [*declared, *ALSO_INSTALLED]):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in EXTRAS):
            with suppress(PackageNotFoundError):  # the package of an extra
                version = importlib.metadata.version(requirement.name).partition("+")[0]
                requirement.marker, requirement.specifier = None, SpecifierSet(f"=={version}")
                pins.add(str(requirement))
    return pins
