"""Installs releases of a library in separate folders, beside the current environment."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path

from packaging.version import InvalidVersion, Version

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres.paths import home
from orm_async_tests.versions.ranges import KNOWN_FROM, UNKNOWN_FROM

COMPANIONS = {"psycopg": ("psycopg-binary",)}  # packages to install in the same version
PIP = ("-m", "pip", "--disable-pip-version-check")


@dataclass(frozen=True)
class Python:
    """The command of a Python interpreter, and the name of the folder for its packages."""

    command: str
    tag: str


THIS_PYTHON = Python(sys.executable, f"{sys.implementation.cache_tag}-{sys.platform}")


class NotInstalled(Exception):
    """Raised if pip cannot install a release on this machine."""


def list_releases(library: str) -> list[str]:
    """Return a library's releases, oldest first and without pre-releases."""
    if importlib.util.find_spec("pip") is None:
        raise CouldNotRun(
            "releases cannot be installed, because this Python environment has no pip",
            sys.prefix,
            f"run {sys.executable} -m ensurepip",
        )
    process = run_pip("index", "versions", library)
    versions = re.search(r"^Available versions: (.+)$", process.stdout, re.MULTILINE)
    if process.returncode or versions is None:
        raise CouldNotRun(
            f"pip did not list the versions of {library}: {last_line(process.stderr)}",
            "the package index",
            f"run {sys.executable} -m pip index versions {library}",
        )
    return sorted(re.split(r",\s*", versions[1]), key=Version)


def check_version(library: str, text: str, option: str) -> Version:
    """Parse a version. Raise CouldNotRun if the scripts do not support it.

    A short version, for example "2.0", means the newest of its releases.
    """
    oldest = Version(KNOWN_FROM.get(library, "0.21"))  # of aiosqlite
    with suppress(InvalidVersion):
        version = Version(text)
        if version.release >= oldest.release[: len(version.release)]:
            return version
    problem = f"the scripts support {library} from {oldest} on, not {text!r}"
    raise CouldNotRun(problem, option, f"{option} {oldest}")


def find_release(library: str, version: str, option: str) -> str:
    """Return a release's name in the package index, for example "0.31.0" for "0.31"."""
    for release in list_releases(library):
        if Version(release) == Version(version):
            return release
    problem = f"there is no release {version} of {library}"
    raise CouldNotRun(problem, option, f"run {sys.executable} -m pip index versions {library}")


def releases_between(library: str, since: str | None, until: str | None) -> list[str]:
    """Return the releases from `since` to `until`, oldest first.

    If `since` is None, begin with the oldest supported release. If `until` is None, end with the
    newest supported release.
    """
    low = check_version(library, since or KNOWN_FROM[library], "--since")
    high = check_version(library, until or UNKNOWN_FROM[library], "--until")
    excluded = None if until else high
    releases = [
        version
        for version in list_releases(library)
        if low <= Version(version) <= high and Version(version) != excluded
    ]
    if not releases:
        raise CouldNotRun(
            f"there is no release of {library} from {low} to {high}",
            "--since and --until",
            f"run {sys.executable} -m pip index versions {library}",
        )
    return releases


def group_by_minor_version(versions: Iterable[str]) -> list[list[str]]:
    """Group versions by minor version, because minor versions have different fixes."""
    groups = [list(group) for _, group in groupby(versions, lambda text: Version(text).release[:2])]
    # asyncpg has one release per minor version, so its releases form one group.
    return groups if any(len(group) > 1 for group in groups) else [list(chain(*groups))]


def release_folder(library: str, version: str, python: Python = THIS_PYTHON) -> Path:
    return home() / "releases" / python.tag / f"{library}-{version}"


def install_release(library: str, version: str, python: Python = THIS_PYTHON) -> Path:
    """Install a release unless its folder exists, and return the folder."""
    folder = release_folder(library, version, python)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.part-"))
    try:
        packages = [f"{name}=={version}" for name in (library, *COMPANIONS.get(library, ()))]
        options = ("--no-deps", "--only-binary", ":all:", "--target", str(part))
        install(*options, *packages, python=python)
        if not folder.is_dir():  # another command may have installed it
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def install(*arguments: str, python: Python) -> None:
    process = run_pip("install", "--quiet", *arguments, python=python)
    if process.returncode:
        raise NotInstalled(last_line(process.stderr))


def run_pip(*arguments: str, python: Python = THIS_PYTHON) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python.command, *PIP, *arguments], capture_output=True, text=True)


def last_line(text: str) -> str:
    """Return the last line of pip's output that is not a warning."""
    lines = [line for line in text.splitlines() if not line.startswith("WARNING")]
    return lines[-1].removeprefix("ERROR: ") if lines else "no message"
