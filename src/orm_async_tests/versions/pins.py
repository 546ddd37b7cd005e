"""Which versions a lock file, a requirements file, or this environment has."""

import importlib.metadata
import platform
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orm_async_tests.errors import CouldNotRun

LIBRARIES = ("sqlalchemy", "asyncpg", "psycopg", "greenlet", "aiosqlite")
TABLES = ("package", "packages")  # of poetry.lock, uv.lock and pdm.lock; of pylock.toml
INCLUDE = re.compile(r"(?:-r|--requirement|-c|--constraint)[ =]?\s*(\S+)")
ADDRESS = re.compile(r"[\w.+/-]*(?::|/|\.whl$)")  # a path or a URL, which names no version
LOCKS = "poetry.lock, uv.lock, pdm.lock, pylock.toml or requirements.txt"


@dataclass(frozen=True)
class Pin:
    """A library, its version, or "" if it is not pinned, and the place that says so."""

    library: str
    version: str
    path: Path | None = None
    line: int = 1


def installed() -> list[Pin]:
    """Those of the running environment, and its Python."""
    found = {each: _installed(each) for each in LIBRARIES}
    libraries = [Pin(name, version) for name, version in found.items() if version]
    return [Pin("python", platform.python_version()), *libraries]


def _installed(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return ""


def read(path: Path) -> list[Pin]:
    """Those of a file. Raises CouldNotRun if it cannot be read or pins none of the libraries."""
    locked = path.suffix in (".lock", ".toml")
    read_them = _of_lock(path) if locked else _of_requirements(path, (path,))
    pins = list({(pin.library, pin.version): pin for pin in read_them}.values())
    if not any(pin.version for pin in pins):
        raise CouldNotRun(
            f"the file pins none of {', '.join(LIBRARIES)}",
            str(path),
            f"orm-async-tests audit FILE: {LOCKS}",
        )
    return pins


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise CouldNotRun(
            f"the file cannot be read: {reason}", str(path), f"orm-async-tests audit FILE: {LOCKS}"
        ) from None


def _of_lock(path: Path) -> Iterator[Pin]:
    text = _text(path)
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CouldNotRun(
            f"the file is not valid TOML: {error}",
            str(path),
            f"orm-async-tests audit FILE: {LOCKS}",
        ) from None
    found = (document.get(name) for name in TABLES)
    tables = [table for each in found if isinstance(each, list) for table in each]
    for table in tables:
        name, version = (str(table.get(key, "")) for key in ("name", "version"))
        if (library := _canonical(name)) in LIBRARIES:
            yield Pin(library, _valid(version, path), path, _line(text, name, version))


def _valid(version: str, path: Path) -> str:
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(version)) if version else ""
    except InvalidVersion:
        what = f"this is not a version: {version}"
        raise CouldNotRun(what, str(path), f"orm-async-tests audit FILE: {LOCKS}") from None


def _line(text: str, name: str, version: str) -> int:
    """Where a lock's table gives this version."""
    table = rf'^name = "{re.escape(name)}"\n(?:.*\n)*?version = "{re.escape(version)}"'
    found = re.search(table, text, re.MULTILINE)
    return text.count("\n", 0, found.end()) + 1 if found else 1


def _of_requirements(path: Path, above: tuple[Path, ...]) -> Iterator[Pin]:
    for number, line in _logical(_text(path)):
        if included := INCLUDE.match(line):
            below = path.parent / included[1]
            if below not in above:
                yield from _of_requirements(below, (*above, below))
        elif line and not line.startswith("-") and not ADDRESS.match(line):
            yield from _of_requirement(line, path, number)


def _of_requirement(line: str, path: Path, number: int) -> Iterator[Pin]:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(re.split(r"\s--", line)[0])
    except InvalidRequirement:
        raise CouldNotRun(
            f"this is not a requirement: {line}",
            f"{path}, line {number}",
            f"orm-async-tests audit FILE: {LOCKS}",
        ) from None
    if (library := _canonical(requirement.name)) in LIBRARIES:
        exact = [each.version for each in requirement.specifier if each.operator == "=="]
        pinned = [version for version in exact if "*" not in version]
        yield Pin(library, pinned[0] if pinned else "", path, number)


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, joined where they end with a backslash; with their numbers."""
    first, whole = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        first = first if whole else number
        whole += re.sub(r"(^|\s)#.*", "", line)
        if whole.endswith("\\"):
            whole = whole[:-1] + " "
            continue
        yield first, whole.strip()
        whole = ""


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
