"""The interpreters and releases that stacks run on, installed once and kept in the cache."""

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

EXTRAS = ("anyio", "psycopg", "service", "uvloop")
BESIDE = ("aiosqlite", "httpx")  # a driver, and what scripts about web applications use
SOURCES = Path(__file__).parents[2]


def variables(plan: Plan, home: Path) -> tuple[str, dict[str, str]]:
    """The interpreter of a stack, and the variables with which it imports that stack's releases.

    Raises NotInstalled.
    """
    python = interpreter(plan.python, home)
    pins = plan.pins.items()
    folders = [install_release(name, _newest(name, text), home, python) for name, text in pins]
    paths = [*map(str, folders), str(SOURCES)]
    return python.command, {"PYTHONPATH": os.pathsep.join(paths)}


def _newest(library: str, version: str) -> str:
    """The version, or the newest of a line such as 2.0."""
    if version.count(".") != 1:
        return version
    found = [each for each in list_releases(library) if each.startswith(f"{version}.")]
    if not found:
        raise NotInstalled(f"{library} has no release {version}")
    return found[-1]


def interpreter(version: str, home: Path) -> Python:
    """This interpreter, or another one with the packages that are installed here.

    Raises NotInstalled.
    """
    if version == plans.HERE:
        return THIS_PYTHON
    folder = home / "environments" / f"python{version}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    tag = THIS_PYTHON.tag.replace(_digits(plans.HERE), _digits(version))
    made = Python(str(folder / "bin/python"), tag)
    with folder.with_name(f"{folder.name}.lock").open("a") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _make(version, folder, made)
    return made


def _make(version: str, folder: Path, made: Python) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    program = f"python{version}"
    if shutil.which(program) is None:
        raise NotInstalled(f"there is no {program} on PATH")
    venv = subprocess.run([program, "-m", "venv", str(folder)], capture_output=True, text=True)
    if venv.returncode:
        raise NotInstalled(f"{program} makes no environment: {last_line(venv.stderr)}")
    done = run_pip("install", "--quiet", *_frozen(), python=made)
    if done.returncode:
        raise NotInstalled(last_line(done.stderr))
    (folder / "complete").touch()


def _digits(version: str) -> str:
    return version.replace(".", "")


def _frozen() -> list[str]:
    """What this project requires, as it is installed here."""
    from packaging.requirements import Requirement

    declared = map(Requirement, importlib.metadata.requires("orm-async-tests") or [])
    wanted = {
        each.name: each.extras
        for each in declared
        if each.marker is None or any(each.marker.evaluate({"extra": e}) for e in EXTRAS)
    }
    wanted |= {name: set() for name in BESIDE}
    return [_pinned(name, extras) for name, extras in wanted.items()]


def _pinned(name: str, extras: set[str]) -> str:
    version = re.sub(r"\+.*", "", importlib.metadata.version(name))
    return f"{name}[{','.join(sorted(extras))}]=={version}" if extras else f"{name}=={version}"
