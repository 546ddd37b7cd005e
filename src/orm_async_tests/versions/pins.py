"""Reads library versions from lock files, requirements files and the installed packages."""

import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import tomli
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.versions.ranges import describe_untested

if TYPE_CHECKING:
    from pip_requirements_parser import InstallRequirement, RequirementsFile

LIBRARIES = ("sqlalchemy", "asyncpg", "psycopg", "greenlet", "aiosqlite")
TABLES = ("package", "packages")  # of poetry.lock, uv.lock and pdm.lock; of pylock.toml
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")  # pip expands only this form
NEW_OPTIONS = re.compile(  # that pip knows, but not the parser
    r"""(?:^|(?<=\s))(?:--no-require-hashes\b"""
    r"""|(?:--config-settings?|-C|--all-releases|--only-final)[= ]*(?:"[^"]*"|'[^']*'|\S)+)""",
    re.MULTILINE,
)
INCLUDES = ("requirements", "constraints")  # the options -r and -c
PLACE = (  # of a pinned version: in TOML `name = "..."`, in JSON `"...": {` on an earlier line
    r'^(?:name = | +)"{name}"(?:: {{)?\n(?:.*\n)*?.*version"?(?: =|:) "(?:==)?{version}"'
)
EXTRAS = {  # of SQLAlchemy: they install a driver without pinning it
    "aiosqlite": "aiosqlite",
    "postgresql-asyncpg": "asyncpg",
    "postgresql-psycopg": "psycopg",
    "postgresql-psycopgbinary": "psycopg",
}
REMEDY = (
    "run orm-async-tests audit FILE, where FILE is poetry.lock, uv.lock, pdm.lock, pylock.toml, "
    "Pipfile.lock or requirements.txt"
)


@dataclass(frozen=True)
class Pin:
    """A library that a file names, with its version and the line of the file."""

    library: str
    version: str  # "" if the line pins no version
    path: Path | None = None
    line: int = 1
    text: str = ""  # of the requirement, for messages
    marker: str = ""  # says to which environments the line applies


def installed_pins() -> list[Pin]:
    pins = [Pin("python", platform.python_version())]
    for library in LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            pins.append(Pin(library, importlib.metadata.version(library)))
    return pins


def read_pins(path: Path) -> list[Pin]:
    # Rye and uv write requirements files with names such as requirements-dev.lock.
    is_lock = path.suffix in (".lock", ".toml") and "requirements" not in path.stem
    pins = _read_lock(path) if is_lock else _read_requirements(path, (path.resolve(),))
    first: dict[tuple[str, str, str], Pin] = {}
    for pin in pins:
        first.setdefault((pin.library, pin.version, pin.marker), pin)
    return list(first.values())


def require_version(pins: Sequence[Pin], path: Path) -> None:
    if not any(pin.version for pin in pins):
        reasons = find_unknown(pins).values() if pins else ()
        problem = "; ".join((f"the file pins none of {', '.join(LIBRARIES)}", *reasons))
        remedy = "pin exact versions, or add --to sqlalchemy==VERSION" if pins else REMEDY
        raise CouldNotRun(problem, str(path), remedy)


def upgrade_pins(
    pins: Sequence[Pin], versions: dict[str, str], path: Path | None = None
) -> list[Pin]:
    first = {pin.library: pin for pin in reversed(pins)}
    upgraded = [
        replace(first.get(name, Pin(name, "", path)), version=version, marker="")
        for name, version in versions.items()
    ]
    return [*(pin for pin in pins if pin.library not in versions), *upgraded]


def parse_release(text: str, option: str) -> tuple[str, str]:
    """Split a text such as "asyncpg==0.32.0" into a library and a version."""
    name, _, version = text.partition("==")
    library = canonicalize_name(name.strip())
    if library in LIBRARIES:
        with suppress(InvalidVersion):  # for example "asyncpg" alone
            return library, str(Version(version))
    problem = f"{text!r} names no release of {', '.join(LIBRARIES[:-1])} or {LIBRARIES[-1]}"
    raise CouldNotRun(problem, option, f"{option} {LIBRARIES[0]}==2.1.9")


def find_unknown(pins: Sequence[Pin]) -> dict[str, str]:
    """Return the libraries whose defects are unknown, and the reasons.

    A key of the result names a library, for example "asyncpg", or an untested version, for example
    "asyncpg 0.29".
    """
    unknown = {}
    pinned = {(pin.library, pin.marker) for pin in pins if pin.version}
    for pin in pins:
        if pin.version and (reason := describe_untested(pin.library, pin.version)):
            unknown[f"{pin.library} {pin.version}"] = reason
        # Another line may pin the library for the same environment, or for all environments.
        elif not pin.version and not pinned & {(pin.library, ""), (pin.library, pin.marker)}:
            place = f"{pin.path.name}, line {pin.line}" if pin.path else "this environment"
            text = f": {pin.text}" if pin.text else ""
            unknown[pin.library] = f"{place}, pins no version{text}"
    # Almost every defect depends on the version of SQLAlchemy.
    if not any(pin.library == "sqlalchemy" for pin in pins):
        is_file = any(pin.path for pin in pins)
        unknown["sqlalchemy"] = "no line names sqlalchemy" if is_file else "it is not installed"
    return unknown


def _read_lock(path: Path) -> Iterator[Pin]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from None
    for name, version in _list_packages(text, path):
        if (library := canonicalize_name(name)) in LIBRARIES:
            place = PLACE.format(name=re.escape(name), version=re.escape(version))
            match = re.search(place, text, re.MULTILINE)
            line = text.count("\n", 0, match.end()) + 1 if match else 1
            try:
                yield Pin(library, str(Version(version)) if version else "", path, line)
            except InvalidVersion:
                problem = f"{version!r} is not a version"
                raise CouldNotRun(problem, str(path), REMEDY) from None


def _unreadable(path: Path, error: Exception) -> CouldNotRun:
    reason = getattr(error, "strerror", None) or "the file is not text"
    return CouldNotRun(f"the file cannot be read: {reason}", str(path), REMEDY)


def _list_packages(text: str, path: Path) -> Iterator[tuple[str, str]]:
    """Yield the names and versions in a lock file: JSON from Pipenv, or TOML."""
    is_json = text.lstrip().startswith("{")
    tables: list[dict[str, Any]]
    try:
        if is_json:
            # Besides default and develop, a section exists for each category of the Pipfile.
            sections = [table for name, table in json.loads(text).items() if name != "_meta"]
            packages = chain.from_iterable(section.items() for section in sections)
            tables = [{"name": name, **package} for name, package in packages]
        else:
            arrays = map(tomli.loads(text).get, TABLES)
            items = chain.from_iterable(array for array in arrays if isinstance(array, list))
            tables = [item for item in items if isinstance(item, dict)]
    except (ValueError, TypeError, AttributeError) as error:
        form = "a Pipfile.lock" if is_json else "valid TOML"
        raise CouldNotRun(f"the file is not {form}: {error}", str(path), REMEDY) from None
    for table in tables:
        yield str(table.get("name", "")), str(table.get("version", "")).lstrip("=")


def _read_requirements(path: Path, including: tuple[Path, ...]) -> Iterator[Pin]:
    """Yield the pins of a requirements file and of the files that it includes."""
    from pip_requirements_parser import InstallationError

    try:
        parsed = _parse_requirements(path)
    except (OSError, UnicodeError, LookupError, InstallationError) as error:
        raise _unreadable(path, error) from None
    for invalid in parsed.invalid_lines:
        line = invalid.requirement_line
        place = f"{path}, line {line.line_number}"
        raise CouldNotRun(f"this line is not a requirement: {line.line}", place, REMEDY)
    for requirement in parsed.requirements:
        yield from _read_requirement(requirement, path)
    for option in parsed.options:
        line = option.requirement_line
        for name in chain.from_iterable(option.options.get(key, ()) for key in INCLUDES):
            if "://" in name:
                problem = f"the audit does not download requirements: {line.line}"
                remedy = "download the file, and include your copy of it: -r FILE"
                place = f"{path}, line {line.line_number or 1}"
                raise CouldNotRun(problem, place, remedy)
            included = path.parent / name
            if included.resolve() not in including:  # files can include each other
                yield from _read_requirements(included, (*including, included.resolve()))


def _parse_requirements(path: Path) -> "RequirementsFile":
    from pip_requirements_parser import RequirementsFile, auto_decode

    text = auto_decode(path.read_bytes())
    expanded = VARIABLE.sub(_expand, text)
    # The parser reads only files, and decodes them by their byte order mark. A pipe, for example
    # <(pip freeze), cannot be read twice.
    with NamedTemporaryFile("w", encoding="utf-8-sig") as file:
        file.write(NEW_OPTIONS.sub("", expanded))
        file.flush()
        parsed = RequirementsFile.from_file(file.name)
    if expanded == text:
        return parsed
    lines = text.splitlines()
    for item in (*parsed.requirements, *parsed.options, *parsed.invalid_lines):
        line = item.requirement_line  # for messages, in which a variable may be a secret
        line.line = lines[(line.line_number or 1) - 1]
    return parsed


def _expand(variable: re.Match[str]) -> str:
    """Return the value of a variable in one line, or the variable if it has no value."""
    return " ".join(os.environ.get(variable[1], "").splitlines()) or variable[0]


def _read_requirement(requirement: "InstallRequirement", path: Path) -> Iterator[Pin]:
    """Yield the pinned library, and the drivers that its extras install."""
    name, version = _pinned_release(requirement)
    line, marker = requirement.requirement_line, f"{requirement.marker or ''}"
    pin = partial(Pin, path=path, line=line.line_number or 1, text=line.line, marker=marker)
    if (library := canonicalize_name(name)) in LIBRARIES:
        yield pin(library, version)
    if library == "sqlalchemy":
        drivers = {EXTRAS.get(canonicalize_name(extra), "") for extra in requirement.extras}
        yield from (pin(driver, "") for driver in sorted(drivers - {""}))


def _pinned_release(requirement: "InstallRequirement") -> tuple[str, str]:
    """Return the name and the pinned version, which is "" if several versions are allowed."""
    name = requirement.name or ""
    if requirement.link:
        archive = requirement.link.filename
        parse = parse_wheel_filename if archive.endswith(".whl") else parse_sdist_filename
        with suppress(ValueError):  # not the name of an archive
            archived, version, *_ = parse(archive)
            return name or archived, str(version)
    for specifier in requirement.specifier or ():
        if specifier.operator in ("==", "==="):
            with suppress(InvalidVersion):  # a wildcard, such as ==2.0.*
                return name, str(Version(specifier.version))
    return name, ""
