"""Find the Python files that a command should check."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.path_patterns import PathPatterns

SKIPPED = {"__pycache__", "__pypackages__", "node_modules", "site-packages"}
TESTS = {"tests", "test", "migrations", "alembic"}  # folders
TEST_FILE = re.compile(r"test_.*\.py|.*_test\.py|(tests|conftest)\.py")
ENVIRONMENT, MIGRATIONS = "pyvenv.cfg", "script.py.mako"  # files that tell the kind of a folder
IGNORE = ".gitignore"

Ignored = tuple[tuple[str, PathPatterns], ...]  # the folders of patterns, outermost first


class FileSearch:
    """Finds files below folders, without those that Git ignores or that are excluded."""

    def __init__(self, root: Path, exclude: Sequence[str], *, include_tests: bool) -> None:
        self.root = root.absolute()
        self.exclude = (self.root.as_posix(), PathPatterns(exclude))
        self.include_tests = include_tests

    def find(self, paths: Sequence[Path]) -> list[Path]:
        """Return the files below these paths.

        If a path is a file, the result always has this file. If a path is a folder of tests, the
        result has the tests in this folder. Raises CouldNotRun if a path does not exist.
        """
        files = dict[Path, None]()
        for path in paths:
            if path.is_dir():
                inside = path.absolute().is_relative_to(self.root)
                parts = path.absolute().relative_to(self.root).parts if inside else ()
                skips_tests = not (self.include_tests or TESTS & set(parts))
                names = self._walk(str(path), self._outer(path), skips_tests=skips_tests)
                files |= dict.fromkeys(map(Path, names))
            elif path.exists():
                files[path] = None
            else:
                remedy = "orm-async-tests lint, with a path that exists"
                raise CouldNotRun("this file or folder does not exist", str(path), remedy)
        return list(files)

    def _outer(self, folder: Path) -> Ignored:
        """Return what is ignored by files outside of a folder, up to the repository's root."""
        outer: Ignored = ()
        for parent in (path := folder.absolute(), *path.parents):
            if parent != path:
                outer = (*_read_ignored(str(parent)), *outer)
            if (parent / ".git").exists():
                return outer
        return ()

    def _walk(
        self, folder: str, outer: Ignored, *, skips_tests: bool, is_named: bool = True
    ) -> Iterator[str]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            remedy = "orm-async-tests lint, with a folder that you can read"
            problem = f"the folder cannot be read: {error.strerror}"
            raise CouldNotRun(problem, folder, remedy) from None
        names = {entry.name for entry in entries}
        if not is_named and (ENVIRONMENT in names or (skips_tests and MIGRATIONS in names)):
            return
        ignored = (*outer, *(_read_ignored(folder) if IGNORE in names else ()))
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_folder and not _is_skipped(entry.name, skips_tests):
                if not self._is_ignored(entry.path, ignored, is_folder=True):
                    yield from self._walk(
                        entry.path, ignored, skips_tests=skips_tests, is_named=False
                    )
            elif entry.name.endswith(".py") and (entry.is_file() or _is_broken_link(entry)):
                is_test = skips_tests and TEST_FILE.fullmatch(entry.name)
                if not (is_test or self._is_ignored(entry.path, ignored, is_folder=False)):
                    yield entry.path

    def _is_ignored(self, path: str, ignored: Ignored, *, is_folder: bool) -> bool:
        """Return what the innermost patterns say that match the path."""
        path = Path(path).absolute().as_posix()
        for folder, patterns in reversed((*ignored, self.exclude)):
            if path.startswith(prefix := folder.rstrip("/") + "/"):
                relative = path[len(prefix) :]
                if (answer := patterns.match(relative, is_folder=is_folder)) is not None:
                    return answer
        return False


def _is_broken_link(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() and not Path(entry.path).exists()


def _is_skipped(name: str, skips_tests: bool) -> bool:
    """Return whether a folder is left out because of its name."""
    return name.startswith(".") or name in SKIPPED or (skips_tests and name in TESTS)


def _read_ignored(folder: str) -> Ignored:
    path = Path(folder, IGNORE)
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ()
    return ((path.parent.absolute().as_posix(), PathPatterns(lines)),)
