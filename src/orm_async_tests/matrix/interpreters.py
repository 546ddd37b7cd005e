"""Installs the interpreters and releases of a matrix once, and keeps them in a cache."""

import fcntl
import importlib.metadata
import os
import re
import shutil
import subprocess
from pathlib import Path

from orm_async_tests.matrix import plans
from orm_async_tests.matrix.plans import Plan
from orm_async_tests.versions.releases import (
    THIS_PYTHON,
    NotInstalled,
    Python,
    install_release,
    last_line,
    list_releases,
    run_pip,
)

EXTRAS = ("scripts", "anyio", "psycopg", "service", "uvloop")
ALSO_INSTALLED = ("aiosqlite", "httpx")  # a driver, and the client of the scripts about the web
SOURCES = Path(__file__).parents[2]


def prepare_stack(plan: Plan, home: Path) -> tuple[str, dict[str, str]]:
    """Return the interpreter of a stack, and the environment variables with which it imports the
    releases of the stack.

    Install the interpreter and the releases that are missing. Raise NotInstalled if pip fails.
    """
    python = prepare_interpreter(plan.python, home)
    pins = plan.pins.items()
    folders = [install_release(name, _newest(name, text), home, python) for name, text in pins]
    paths = [*map(str, folders), str(SOURCES)]
    return python.command, {"PYTHONPATH": os.pathsep.join(paths)}


def _newest(library: str, version: str) -> str:
    """Return the given version, or the newest release of a minor version such as "2.0"."""
    if version.count(".") != 1:
        return version
    releases = [release for release in list_releases(library) if release.startswith(f"{version}.")]
    if not releases:
        raise NotInstalled(f"{library} has no release {version}")
    return releases[-1]


def prepare_interpreter(version: str, home: Path) -> Python:
    """Return the command of this interpreter, or of another one with the packages that are
    installed here.

    Raise NotInstalled if this version of Python does not exist here, or if pip fails.
    """
    if version == plans.THIS_PYTHON:
        return THIS_PYTHON
    folder = home / "environments" / f"python{version}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    tag = THIS_PYTHON.tag.replace(plans.THIS_PYTHON.replace(".", ""), version.replace(".", ""))
    python = Python(str(folder / "bin/python"), tag)
    with folder.with_name(f"{folder.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _create_environment(version, folder, python)
    return python


def _create_environment(version: str, folder: Path, python: Python) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    program = f"python{version}"
    if shutil.which(program) is None:
        raise NotInstalled(f"there is no {program} on PATH")
    venv = subprocess.run([program, "-m", "venv", str(folder)], capture_output=True, text=True)
    if venv.returncode:
        raise NotInstalled(f"{program} cannot create an environment: {last_line(venv.stderr)}")
    done = run_pip("install", "--quiet", *_requirements(), python=python)
    if done.returncode:
        raise NotInstalled(last_line(done.stderr))
    (folder / "complete").touch()


def _requirements() -> list[str]:
    """Return the requirements of this project, pinned to the installed versions."""
    from packaging.requirements import Requirement

    declared = map(Requirement, importlib.metadata.requires("orm-async-tests") or [])
    names = {
        requirement.name: requirement.extras
        for requirement in declared
        if requirement.marker is None
        or any(requirement.marker.evaluate({"extra": extra}) for extra in EXTRAS)
    }
    names |= {name: set() for name in ALSO_INSTALLED}
    return [_pin(name, extras) for name, extras in names.items()]


def _pin(name: str, extras: set[str]) -> str:
    version = re.sub(r"\+.*", "", importlib.metadata.version(name))
    return f"{name}[{','.join(sorted(extras))}]=={version}" if extras else f"{name}=={version}"
