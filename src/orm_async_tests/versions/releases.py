"""Released versions of a library, each installed in a folder of its own beside this environment.

Only the one library differs from what runs here, so that a difference is that library's.
"""

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import requires
from itertools import chain, groupby
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.versions.ranges import UNKNOWN_FROM

COMPANIONS = {"psycopg": ("psycopg-binary",)}  # of the same version
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


class NotInstalled(Exception):
    """A release has no wheel for this machine, or pip could not install it."""


def released(library: str) -> list[str]:
    """The versions on the package index, rising, without pre-releases."""
    from packaging.version import Version

    if importlib.util.find_spec("pip") is None:
        raise CouldNotRun(
            "there is no pip here to install releases with",
            sys.prefix,
            f"{sys.executable} -m ensurepip",
        )
    done = _pip("index", "versions", library)
    found = re.search(r"^Available versions: (.+)$", done.stdout, re.MULTILINE)
    if done.returncode or found is None:
        raise CouldNotRun(
            f"pip knows no versions of {library}: {_last(done.stderr)}",
            "the package index",
            f"{sys.executable} -m pip index versions {library}",
        )
    return sorted(re.split(r",\s*", found[1]), key=Version)


def between(library: str, since: str | None, until: str | None) -> list[str]:
    """The released versions from one to another, both included; else those that we declare."""
    from packaging.version import InvalidVersion, Version

    try:
        low, high = Version(since or declared(library)), Version(until or UNKNOWN_FROM[library])
    except InvalidVersion as error:
        remedy = f"orm-async-tests bisect NUMBER --library {library} --since {declared(library)}"
        raise CouldNotRun(str(error), "--since or --until", remedy) from None
    beyond = None if until else high
    found = [each for each in released(library) if low <= Version(each) <= high]
    found = [each for each in found if Version(each) != beyond]
    if not found:
        raise CouldNotRun(
            f"there is no release of {library} from {low} to {high}",
            "--since and --until",
            f"{sys.executable} -m pip index versions {library}",
        )
    return found


def declared(library: str) -> str:
    """The oldest version of a library that this project declares."""
    from packaging.requirements import Requirement

    for each in map(Requirement, requires("orm-async-tests") or []):
        for bound in each.specifier if each.name == library else []:
            if bound.operator == ">=":
                return bound.version
    raise ValueError(f"{library} is not declared with an oldest version")


def lines(versions: Iterable[str]) -> list[list[str]]:
    """The versions of each minor line: a repair in one says nothing of another.

    Where each line has one version, as of asyncpg, they are one line.
    """
    from packaging.version import Version

    found = [list(each) for _, each in groupby(versions, lambda text: Version(text).release[:2])]
    return found if any(len(line) > 1 for line in found) else [list(chain(*found))]


def folder(library: str, version: str, home: Path) -> Path:
    """Where a release is installed."""
    tag = f"{sys.implementation.cache_tag}-{sys.platform}"
    return home / "releases" / tag / f"{library}-{version}"


def installed(library: str, version: str, home: Path) -> Path:
    """The folder with this release, made once and kept. Raises NotInstalled."""
    found = folder(library, version, home)
    if found.is_dir():
        return found
    found.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=found.parent, prefix=f"{found.name}.part-"))
    try:
        names = (library, *COMPANIONS.get(library, ()))
        wanted = [f"{name}=={version}" for name in names]
        options = ("--quiet", "--no-deps", "--only-binary", ":all:", "--target", str(part))
        done = _pip("install", *options, *wanted)
        if done.returncode:
            raise NotInstalled(_last(done.stderr))
        if not found.is_dir():  # else another command was faster
            part.rename(found)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return found


def _pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PIP, *arguments], capture_output=True, text=True)


def _last(text: str) -> str:
    """What pip said in the end."""
    said = [line for line in text.splitlines() if not line.startswith("WARNING")]
    return said[-1].removeprefix("ERROR: ") if said else "without a word"
