"""Determines which modules import SQLAlchemy, directly or through other modules.

A module that does not import SQLAlchemy usually uses no session.
"""

import re
from contextlib import suppress
from pathlib import Path

from orm_async_tests.lint.resolution import Project

LIBRARY = re.compile(r"sqlalchemy|sqlmodel")
IMPORT = re.compile(
    r"(?m)^[ \t]*(?:from[ \t]+(\.*)([\w.]*)[ \t]+import\b([^(\n]*\([^)]*\)|[^\n]*)"
    r"|import[ \t]+([^\n#]+))"
)
NAME = re.compile(r"[\w.]+")


class Relevance:
    """Finds the modules that import SQLAlchemy, without parsing them."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._imports: dict[str, set[str] | None] = {}
        """The imports of a module, or None if the module imports SQLAlchemy, even indirectly."""

    def reaches(self, path: str, text: str) -> bool:
        done, pending = {path}, [path]
        while pending:
            name = pending.pop()
            if name not in self._imports:
                with suppress(OSError):  # the file may be unreadable
                    code = text if name == path else Path(name).read_text("utf-8", "replace")
                    self._imports[name] = self._read_imports(name, code)
            imports = self._imports.setdefault(name, set())
            if imports is None:
                self._imports[path] = None
                return True
            pending += imports - done
            done |= imports
        return False

    def _read_imports(self, path: str, text: str) -> set[str] | None:
        if LIBRARY.search(text):
            return None
        paths = set[str | None]()
        for dots, origin, parts, modules in IMPORT.findall(text):
            names = NAME.findall(modules)
            names += [name.partition(".")[0] for name in names]
            if parts:
                paths.add(place := self._project.find(origin, len(dots), path))
                if place is None or place.endswith("__init__.py"):  # the names may be modules
                    start = f"{origin}." if origin else ""
                    names = [start + name for name in NAME.findall(parts)]
            paths |= {self._project.find(name, len(dots), path) for name in names}
        return {path for path in paths if path}
