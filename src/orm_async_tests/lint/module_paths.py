"""Finds the files of a project's modules."""

import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path


class ModulePaths:
    """Finds the file of an imported module, as Python would in the folder of the project."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._paths: dict[tuple[str, int, str], tuple[str | None, set[str]]] = {}
        self._folders: dict[str, list[str]] = {}
        self._names: dict[str, set[str]] = {}
        """The names of the files and folders in each folder."""

    def find(self, name: str, level: int, path: str) -> tuple[str | None, set[str]]:
        """Return the path of an imported module, or None if it is not in the project.

        Also return the folders that were searched. Their paths end with a slash.
        """
        key = (name, level, path.rpartition(os.sep)[0])
        if key not in self._paths:
            folders = set[str]()
            self._paths[key] = self._search(*key, folders), folders
        return self._paths[key]

    def _search(self, name: str, level: int, folder: str, searched: set[str]) -> str | None:
        parts = name.split(".") if name else []
        starts = [folder.rsplit(os.sep, level - 1)[0]] if level else self._import_folders(folder)
        for start in starts:
            searched.add(start + os.sep)
            names = self._names_in(start)
            if parts and parts[0] not in names and f"{parts[0]}.py" not in names:
                continue
            place = f"{start}{os.sep}{name.replace('.', os.sep)}" if parts else start
            parent, _, last = place.rpartition(os.sep)
            searched.add(parent + os.sep)
            if not parts or last in self._names_in(parent):
                searched.add(place + os.sep)
                if "__init__.py" in self._names_in(place):
                    return f"{place}{os.sep}__init__.py"
            if parts and f"{last}.py" in self._names_in(parent):
                return f"{place}.py"
        return None

    def _names_in(self, folder: str) -> set[str]:
        if folder not in self._names:
            self._names[folder] = set()
            with suppress(OSError):  # the folder may be missing or unreadable
                self._names[folder] = {entry.name for entry in Path(folder).iterdir()}
        return self._names[folder]

    def _import_folders(self, folder: str) -> list[str]:
        """Return the folders to search for an absolute import, the nearest folder first.

        The last folder is the outermost package, because a program may start in it.
        """
        if folder not in self._folders:
            above = [Path(folder), *Path(folder).parents]
            if self.root in above:
                above = above[: above.index(self.root) + 1]
            packages = [str(one) for one in above if (one / "__init__.py").is_file()]
            outside = [str(one) for one in above if str(one) not in packages]
            last = [*self._distributions, *packages[-1:]]
            self._folders[folder] = [*outside[:6], str(self.root / "src"), *last]
        return self._folders[folder]

    @cached_property
    def _distributions(self) -> list[str]:
        """The folders with the packages of other distributions in a repository with several."""
        files = [*self.root.glob("*/pyproject.toml"), *self.root.glob("*/*/pyproject.toml")]
        return [
            str(place) for file in sorted(files) for place in (file.parent / "src", file.parent)
        ]
