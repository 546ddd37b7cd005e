"""Finds the files of a project's modules."""

import os
from contextlib import suppress
from pathlib import Path


class ModulePaths:
    """Finds the file of an imported module, as Python does if it starts in the folder of the
    project.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._paths: dict[tuple[str, int, str], str | None] = {}
        self._folders: dict[str, list[Path]] = {}
        self._names: dict[Path, set[str]] = {}
        """The names in a folder, without the ends of file names."""

    def find(self, name: str, level: int, path: str) -> str | None:
        """Return the path of an imported module, or None if the project does not contain it."""
        key = (name, level, path.rpartition(os.sep)[0])
        if key not in self._paths:
            self._paths[key] = self._search(*key)
        return self._paths[key]

    def _search(self, name: str, level: int, folder: str) -> str | None:
        parts = name.split(".") if name else []
        folders = [Path(folder, *[".."] * (level - 1)).resolve()] if level else []
        for start in folders or self._import_folders(folder):
            if parts and parts[0] not in self._names_in(start):
                continue
            place = start.joinpath(*parts)
            if parts and place.name not in self._names_in(place.parent):
                continue
            if parts and (file := place.with_name(f"{place.name}.py")).is_file():
                return str(file)
            if (file := place / "__init__.py").is_file():
                return str(file)
        return None

    def _names_in(self, folder: Path) -> set[str]:
        if folder not in self._names:
            self._names[folder] = set()
            with suppress(OSError):  # a folder that does not exist, or that may not be read
                self._names[folder] = {entry.stem for entry in folder.iterdir()}
        return self._names[folder]

    def _import_folders(self, folder: str) -> list[Path]:
        """Return the folders in which an absolute import is searched, the parent of the package
        first.
        """
        if folder not in self._folders:
            above = [Path(folder), *Path(folder).parents]
            if self.root in above:
                above = above[: above.index(self.root) + 1]
            outside = [one for one in above if not (one / "__init__.py").is_file()]
            self._folders[folder] = [*outside[:6], self.root / "src"]
        return self._folders[folder]
