"""Caches the results of checking files.

A result is valid while the file and its imports are unchanged. The name of the cache file depends
on everything else that changes results, for example the settings.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from orm_async_tests.lint.finding import Finding, Fix, Location, UnreadFile
from orm_async_tests.lint.suppressions import Suppression

FOLDER = ".orm_async_tests_cache"
EVERY_FILE = ""  # the name that stands for all checked files among the modules of a result
MAX_FILES = 8  # the number of cache files; other settings or paths need another file


@dataclass
class FileResult:
    """The result of checking one file, as the cache stores it."""

    findings: list[Finding] = field(default_factory=list)
    pending: list[tuple[str, Finding]] = field(default_factory=list)
    """Findings that apply only if a function is a FastAPI dependency, with the function's name."""

    dependencies: list[list[str]] = field(default_factory=list)
    """The modules and names of the dependencies that FastAPI ends after the response."""

    comments: list[Suppression] = field(default_factory=list)
    unread: UnreadFile | None = None
    modules: list[str] = field(default_factory=list)
    """The other modules on which the result depends, and the folders that imports searched."""


Results = dict[Path, FileResult]
STORED = (FileResult, Finding, Fix, Location, Suppression, UnreadFile)
CLASSES = {item.__name__: item for item in STORED}


def check_changed(
    root: Path, files: Sequence[Path], settings: object, check: Callable[[list[Path]], Results]
) -> Results:
    """Return the results of files, from the cache or from the function `check`.

    Ignore errors of the cache file.
    """
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    checker = _digest(b"".join(path.read_bytes() for path in sources))
    # A new file may change which module an import finds.
    parts = checker, sys.version_info[:2], Path.cwd(), sorted(files), settings
    name = _digest(repr(parts).encode("utf-8", "surrogateescape"))
    path = root / FOLDER / f"{name}.json"

    @cache
    def digest(name: str) -> str:
        if name == EVERY_FILE:
            return _digest("".join(digest(str(path)) for path in files).encode())
        try:
            return (
                _digest_folder(name) if name.endswith(os.sep) else _digest(Path(name).read_bytes())
            )
        except OSError:
            return ""

    results: Results = {}
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        results = _read(path, digest)
    if remaining := [path for path in files if path not in results]:
        results |= check(remaining)
        with suppress(OSError, ValueError):
            _write(path, results, digest)
    return results


def _read(path: Path, digest: Callable[[str], str]) -> Results:
    document = json.loads(path.read_bytes(), object_hook=decode)
    names = [*document["modules"]]
    changed = {n for n, name in enumerate(names) if digest(name) != document["modules"][name]}
    return {
        Path(name): replace(result, modules=[names[number] for number in result.modules])
        for name, (content, result) in document["files"].items()
        if changed.isdisjoint(result.modules) and digest(name) == content
    }


def _write(path: Path, results: Results, digest: Callable[[str], str]) -> None:
    numbers: dict[str, int] = {}  # numbers replace the modules' long paths
    entries = {}
    for file, result in results.items():
        modules: list[Any] = [numbers.setdefault(name, len(numbers)) for name in result.modules]
        entries[str(file)] = digest(str(file)), replace(result, modules=modules)
    document = {"modules": {name: digest(name) for name in numbers}, "files": entries}
    folder, part = path.parent, path.with_suffix(f".{os.getpid()}")
    folder.mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("*\n", "utf-8")
    try:
        part.write_text(json.dumps(document, default=encode), "utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    for old in sorted(folder.glob("*.json"), key=lambda path: -path.stat().st_mtime)[MAX_FILES:]:
        old.unlink(missing_ok=True)


def encode(value: Any) -> dict[str, Any]:
    return {"class": type(value).__name__, **vars(value)}


def decode(document: dict[str, Any]) -> Any:
    return CLASSES[document.pop("class")](**document) if "class" in document else document


def _digest_folder(name: str) -> str:
    """Return a digest of the modules that a folder contains."""
    names = (entry.name for entry in Path(name).iterdir())
    modules = {name for name in names if name.removesuffix(".py").isidentifier()}
    return _digest(repr(sorted(modules - {"__pycache__"})).encode())


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
