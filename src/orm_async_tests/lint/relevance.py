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
        self._imports.setdefault(path, self._read_imports(path, text))
        done, pending = {path}, [path]
        while pending:
            name = pending.pop()
            if name not in self._imports:
                text = ""
                with suppress(OSError):  # the file may be unreadable
                    text = Path(name).read_text("utf-8", errors="replace")
                self._imports[name] = self._read_imports(name, text)
            imports = self._imports[name]
            if imports is None:
                self._imports[path] = None
                return True
            pending += imports - done
            done |= imports
        return False

    def _read_imports(self, path: str, text: str) -> set[str] | None:
        if LIBRARY.search(text):
            return None
        names = set[tuple[str, int]]()
        for dots, origin, parts, modules in IMPORT.findall(text):
            start = f"{origin}." if origin else ""
            names |= {(start + name, len(dots)) for name in NAME.findall(parts)}
            names |= {(origin, len(dots))} if parts else set()
            names |= {(name, 0) for name in NAME.findall(modules)}
            names |= {(name.partition(".")[0], 0) for name in NAME.findall(modules)}
        paths = (self._project.find(name, level, path) for name, level in names)
        return {origin for origin in paths if origin}
