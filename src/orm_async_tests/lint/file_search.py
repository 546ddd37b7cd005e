"""Finds the Python files to check."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.finding import from_root

ENVIRONMENT, MIGRATIONS = "pyvenv.cfg", "script.py.mako"  # files that identify these folders
PART = re.compile(
    r"""(?P<deep_start>\*\*/) | (?P<deep_end>/\*\*$) | (?P<star>\*+) | (?P<one>\?)
    | \[(?P<not>[!^]?)(?P<set>\][^\]]*|[^\]]+)\] | \\(?P<escaped>.) | (?P<plain>.)""",
    re.VERBOSE | re.DOTALL,
)
WILDCARDS = {"deep_start": "(?:.*/)?", "deep_end": "/.+", "star": "[^/]*", "one": "[^/]"}


class PathPatterns:
    """Patterns of ignored paths below a folder, for example from a .gitignore file.

    If several patterns match a path, the last of these patterns decides whether the path is
    ignored. Paths are absolute, and the path of a folder ends with a slash.
    """

    def __init__(self, folder: str, lines: Sequence[str]) -> None:
        self._prefix = f"{folder.rstrip('/')}/"
        lines = [line for line in reversed(lines) if line.strip() and line[0] != "#"]
        self._patterns = [(_compile(line), line[0] != "!") for line in lines]

    def match(self, path: str) -> bool | None:
        """Return whether a path is ignored, or None if no pattern matches."""
        if path.startswith(self._prefix):
            for pattern, is_ignored in self._patterns:
                if pattern.fullmatch(path, len(self._prefix)):
                    return is_ignored
        return None

    def match_file(self, path: str) -> bool:
        """Return whether a file or one of its parent folders is ignored."""
        return any(self.match(path[: match.end()]) for match in re.finditer("/|$", path))


def _compile(line: str) -> re.Pattern[str]:
    text = re.sub(r"(?<!\\) +$", "", line).removeprefix("!")
    pattern = text.removesuffix("/")
    anywhere = "" if "/" in pattern else "(?:.*/)?"
    end = "(?<!/)/" if text.endswith("/") else "(?<!/)/?"
    return re.compile(anywhere + PART.sub(_translate, pattern.removeprefix("/")) + end, re.DOTALL)


def _translate(part: re.Match[str]) -> str:
    if part["set"]:
        members = re.sub(r"([\\\[\]&~|])", r"\\\1", part["set"])
        return f"[{'^/' if part['not'] else ''}{members}]"
    return WILDCARDS.get(part.lastgroup or "") or re.escape(part["escaped"] or part["plain"])


SKIPPED = PathPatterns("/", [".*/", "__pycache__/", "__pypackages__/", "node_modules/",
                             "site-packages/"])  # fmt: skip
TESTS = PathPatterns("/", ["test/", "tests/", "migrations/", "alembic/", "test_*.py", "*_test.py",
                           "tests.py", "conftest.py"])  # fmt: skip


def find_files(
    paths: Sequence[Path], root: Path, exclude: Sequence[str] = (), *, include_tests: bool = False
) -> list[Path]:
    """Return the Python files in `paths`, without excluded files and files that Git ignores.

    A file that `paths` names is never excluded. A file with several names, for example a symbolic
    link and its target, is in the list only once. Leave out test files, unless `include_tests` is
    true or `paths` names their folder. Raise CouldNotRun if a path cannot be read.
    """
    excluded = PathPatterns(root.resolve().as_posix(), exclude)
    files: dict[str, Path] = {}  # by the path without symbolic links
    try:
        for path in paths:
            if path.is_dir():
                with_tests = include_tests or TESTS.match_file(f"/{from_root(str(path), root)}/")
                below = _walk(path, excluded, with_tests=with_tests)
                for file in sorted(below, key=os.path.islink):  # targets before links
                    files.setdefault(os.path.realpath(file), file)
            else:
                path.stat()  # raises an error if the file does not exist
                files.setdefault(os.path.realpath(path), path)
    except OSError as error:
        raise refuse_path(error) from None
    return list(files.values())


def refuse_path(error: OSError) -> CouldNotRun:
    problem = f"the path cannot be read: {error.strerror}"
    remedy = "run orm-async-tests lint with a path that you can read"
    return CouldNotRun(problem, str(error.filename), remedy)


def _raise(error: OSError) -> None:
    raise error


def _walk(top: Path, excluded: PathPatterns, *, with_tests: bool) -> Iterator[Path]:
    """Yield the Python files below a folder, without ignored files.

    The setting `exclude` overrides the default patterns, and the default patterns override
    .gitignore files.
    """
    absolute = top.resolve()
    above = [absolute, *absolute.parents]
    repository = next((n for n, folder in enumerate(above) if (folder / ".git").exists()), 0)
    ignored = {absolute.parent: [_read(folder) for folder in above[1 : repository + 1]]}
    settled = [excluded, SKIPPED] if with_tests else [excluded, SKIPPED, TESTS]
    for name, folders, files in os.walk(top, onerror=_raise):
        folder = Path(name).resolve()
        is_skipped = ENVIRONMENT in files or (MIGRATIONS in files and not with_tests)
        if is_skipped and folder != absolute:
            folders.clear()
            continue
        ignored[folder] = [_read(folder), *ignored[folder.parent]]
        patterns = [*settled, *ignored[folder]]
        kept = [name for name in sorted(folders) if not _match(f"{folder}/{name}/", patterns)]
        folders[:] = kept
        for file in sorted(files):
            path = folder / file
            is_python = file.endswith(".py") and (path.is_file() or not path.exists())
            if is_python and not _match(str(path), patterns):
                yield Path(name, file)


def _match(path: str, patterns: Sequence[PathPatterns]) -> bool:
    answers = (part.match(path) for part in patterns)
    return next((answer for answer in answers if answer is not None), False)


def _read(folder: Path) -> PathPatterns:
    text = ""
    with suppress(OSError):
        text = (folder / ".gitignore").read_text("utf-8", "replace")
    return PathPatterns(str(folder), text.splitlines())
