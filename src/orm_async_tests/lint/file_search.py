"""Finds the Python files that a command should check."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.path_patterns import PathPatterns

SKIPPED = re.compile(r"\..*|__pycache__|__pypackages__|node_modules|site-packages")  # folders
TEST_FOLDER = re.compile(r"tests?|migrations|alembic")
TEST_FILE = re.compile(r"test_.*\.py|.*_test\.py|(tests|conftest)\.py")
ENVIRONMENT, MIGRATIONS = "pyvenv.cfg", "script.py.mako"  # files that tell the kind of a folder
IGNORE = ".gitignore"


class FileSearch:
    """Finds the Python files in folders, except files that Git ignores and files that are
    excluded.
    """

    def __init__(self, root: Path, exclude: Sequence[str], *, include_tests: bool) -> None:
        self.root = root.resolve().as_posix()
        self.exclude = PathPatterns(self.root, exclude)
        self.include_tests = include_tests

    def find(self, paths: Sequence[Path]) -> list[Path]:
        """Return the files that these paths name or contain.

        If a path is a file, always return this file. If a path is a folder of tests, also return
        the tests in this folder. Raise CouldNotRun if a path cannot be read.
        """
        try:
            return list(dict.fromkeys(file for path in paths for file in self._find(path)))
        except OSError as error:
            problem = f"the path cannot be read: {error.strerror}"
            remedy = "orm-async-tests lint, with a path that exists and that you can read"
            raise CouldNotRun(problem, str(error.filename), remedy) from None

    def _find(self, path: Path) -> Iterator[Path]:
        if not path.is_dir():
            path.stat()  # raises an error if there is no such file
            return iter([path])
        absolute = path.resolve()
        parts = absolute.as_posix().removeprefix(self.root).split("/")
        with_tests = self.include_tests or any(map(TEST_FOLDER.fullmatch, parts))
        ignored = _read_ignored_outside(absolute)
        return map(Path, self._walk(str(path), ignored, with_tests=with_tests, is_named=True))

    def _walk(
        self, folder: str, ignored: Sequence[PathPatterns], *, with_tests: bool, is_named: bool
    ) -> Iterator[str]:
        """Yield the files below a folder. The innermost pattern that matches a path decides whether
        the path is left out.
        """
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        names = {entry.name for entry in entries}
        if not is_named and (ENVIRONMENT in names or (MIGRATIONS in names and not with_tests)):
            return
        ignored = [*ignored, *(_read_ignored(folder) if IGNORE in names else ())]
        above = Path(folder).resolve().as_posix()
        for entry in entries:
            name, is_folder = entry.name, entry.is_dir(follow_symlinks=False)
            if not with_tests and (TEST_FOLDER if is_folder else TEST_FILE).fullmatch(name):
                continue
            is_python = name.endswith(".py") and (entry.is_file() or not Path(entry.path).exists())
            if SKIPPED.fullmatch(name) if is_folder else not is_python:
                continue
            if _is_matched(f"{above}/{name}", [*ignored, self.exclude], is_folder=is_folder):
                continue
            if is_folder:
                yield from self._walk(entry.path, ignored, with_tests=with_tests, is_named=False)
            else:
                yield entry.path


def _is_matched(path: str, ignored: Sequence[PathPatterns], *, is_folder: bool) -> bool:
    answers = (patterns.match(path, is_folder=is_folder) for patterns in reversed(ignored))
    return next((answer for answer in answers if answer is not None), False)


def _read_ignored_outside(folder: Path) -> Sequence[PathPatterns]:
    """Return the patterns of the .gitignore files above a folder, up to the root of the
    repository.
    """
    folders = [folder, *folder.parents]
    root = next((number for number, parent in enumerate(folders) if (parent / ".git").exists()), 0)
    return [patterns for parent in folders[root:0:-1] for patterns in _read_ignored(str(parent))]


def _read_ignored(folder: str) -> list[PathPatterns]:
    try:
        lines = Path(folder, IGNORE).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [PathPatterns(Path(folder).resolve().as_posix(), lines)]
