"""The cache: results of files that have not changed, and whose modules have not changed.

The cache compares contents and not times. The name of the cache's file stands for everything
else that a result depends on: the settings, the source of the checker, the version of Python, and
the list of files. The list of files matters because an import may lead to a new file.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from orm_async_tests.lint.file_result import FileResult, parse_result

MOST = 8  # files in the folder: of other settings, or of other paths on the command line


class ResultCache:
    """Keeps results in a file. Errors of reading and writing the file only cost time."""

    def __init__(self, folder: Path, files: Iterable[Path], settings: object) -> None:
        names = [str(Path.cwd()), *sorted(map(str, files))]
        parts = (_digest_checker(), sys.version_info[:2], names, settings)
        self.path = folder / f"{_digest(repr(parts).encode('utf-8', 'surrogateescape'))}.json"
        self._digests: dict[str, str] = {}

    def read(self) -> dict[Path, FileResult]:
        """Return the results that are still right."""
        try:
            document = json.loads(self.path.read_bytes())
            modules: list[tuple[str, str]] = document["modules"]
            changed = {
                number
                for number, (path, digest) in enumerate(modules)
                if self._digest_file(path) != digest
            }
            return {
                Path(name): self._parse(entry, modules)
                for name, entry in document["files"].items()
                if changed.isdisjoint(entry["read"]) and self._digest_file(name) == entry["digest"]
            }
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return {}

    def _parse(self, entry: dict[str, Any], modules: list[tuple[str, str]]) -> FileResult:
        result = parse_result(entry["result"]) if entry["result"] else FileResult()
        result.read = frozenset(modules[number][0] for number in entry["read"])
        return result

    def write(self, results: Mapping[Path, FileResult]) -> None:
        """Keep the results, and drop the files that were not used for the longest time."""
        modules = sorted({path for result in results.values() for path in result.read})
        numbers = {path: number for number, path in enumerate(modules)}
        files = {
            str(path): {
                "digest": self._digest_file(str(path)),
                "read": sorted(numbers[module] for module in result.read),
                "result": None if result.is_empty else result.to_json(),
            }
            for path, result in results.items()
        }
        document = {"modules": [[path, self._digest_file(path)] for path in modules]}
        try:
            part = self.path.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps({**document, "files": files}), "utf-8")
            part.replace(self.path)
            old = sorted(self.path.parent.glob("*.json"), key=lambda path: -path.stat().st_mtime)
            for path in old[MOST:]:
                path.unlink(missing_ok=True)
        except (OSError, ValueError):
            return

    def _digest_file(self, path: str) -> str:
        """Return the digest of a file, or "" if it cannot be read."""
        if path not in self._digests:
            try:
                self._digests[path] = _digest(Path(path).read_bytes())
            except OSError:
                self._digests[path] = ""
        return self._digests[path]


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _digest_checker() -> str:
    """Return the digest of the checker's source: other rules give other results."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return _digest(b"\0".join(path.read_bytes() for path in files))
