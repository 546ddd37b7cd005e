"""Finds the files of a project's modules."""

from pathlib import Path


class ModulePaths:
    """Finds the file of an imported module, as Python does if it starts in the folder of the
    project.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._paths: dict[tuple[str, str], str | None] = {}
        self._folders: dict[str, list[Path]] = {}

    def find(self, name: str, level: int, path: str) -> str | None:
        """Return the path of an imported module, or None if the project does not contain it."""
        key = (f"{'.' * level}{name}", str(Path(path).parent))
        if key not in self._paths:
            self._paths[key] = self._search(name, level, Path(path))
        return self._paths[key]

    def _search(self, name: str, level: int, path: Path) -> str | None:
        parts = name.split(".") if name else []
        folders = [path.parents[level - 1]] if level else self._import_folders(path)
        for folder in folders:
            place = folder.joinpath(*parts)
            if parts and (file := place.with_name(f"{place.name}.py")).is_file():
                return str(file)
            if (file := place / "__init__.py").is_file():
                return str(file)
        return None

    def _import_folders(self, path: Path) -> list[Path]:
        """Return the folders in which an absolute import is searched, the parent of the package
        first.
        """
        key = str(path.parent)
        if key not in self._folders:
            above = [path.parent, *path.parent.parents]
            if self.root in above:
                above = above[: above.index(self.root) + 1]
            outside = [folder for folder in above if not (folder / "__init__.py").is_file()]
            self._folders[key] = [*outside[:6], self.root / "src"]
        return self._folders[key]
