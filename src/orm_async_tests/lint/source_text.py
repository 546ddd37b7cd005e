"""The text of a Python file and its lines, as Python itself reads them."""

import io
import os
import tokenize
from collections.abc import Mapping
from pathlib import Path

from orm_async_tests.lint.finding import Location


def decode(data: bytes) -> str:
    """Return the text of a file. Raise SyntaxError or UnicodeDecodeError for a wrong encoding.

    The encoding is that of the byte order mark or of the comment in the first two lines.
    """
    return data.decode(encoding_of(data))


def encoding_of(data: bytes) -> str:
    """Return the encoding of a file. Raise SyntaxError if it names an unknown one."""
    return tokenize.detect_encoding(io.BytesIO(data).readline)[0]


def split_lines(text: str) -> list[str]:
    """Return the lines of a text without their ends.

    Unlike str.splitlines(), this splits only where Python does, so that the lines have the numbers
    that ast counts. A form feed ends no line.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


class SourceTexts:
    """Reads files, so that the command can show lines of a file or compare them."""

    def __init__(self, root: Path, texts: Mapping[Path, str]) -> None:
        self.root = root.absolute()
        self._texts = {str(path): text for path, text in texts.items()}
        self._lines: dict[str, list[str]] = {}

    def lines(self, path: str) -> list[str]:
        """Return the lines of a file, or no lines if it cannot be read any more."""
        if path not in self._lines:
            try:
                text = self._texts.get(path)
                self._lines[path] = split_lines(
                    decode(Path(path).read_bytes()) if text is None else text
                )
            except (OSError, SyntaxError, ValueError):
                self._lines[path] = []
        return self._lines[path]

    def line(self, location: Location) -> str:
        """Return the first line of a location, or ""."""
        lines = self.lines(location.path)
        return lines[location.line - 1] if location.line <= len(lines) else ""

    def from_root(self, path: str) -> str:
        """Return a path as seen from the project's root, with slashes."""
        return Path(os.path.relpath(path, self.root)).as_posix()


def from_here(path: str) -> str:
    """Return a path as seen from the current folder, or unchanged if it is outside."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
