"""Patterns for paths, in the form of .gitignore."""

import re
from collections.abc import Iterable

PART = re.compile(
    r"""(?P<deep_start>\*\*/) | (?P<deep_end>/\*\*$) | (?P<star>\*+) | (?P<one>\?)
    | \[(?P<not>[!^]?)(?P<set>\]?[^\]]*)\] | \\(?P<escaped>.) | (?P<plain>.)""",
    re.VERBOSE | re.DOTALL,
)


class PathPatterns:
    """The patterns of a .gitignore or of a setting. The last one that matches a path decides."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._patterns = [_compile(line) for line in lines if line.strip() and line[0] != "#"]

    def match(self, path: str, *, is_folder: bool) -> bool | None:
        """Return whether a path is matched, or None if no line says so.

        The path is relative to the folder of the patterns and has slashes.
        """
        for pattern, is_negated, needs_folder in reversed(self._patterns):
            if (is_folder or not needs_folder) and pattern.fullmatch(path):
                return not is_negated
        return None

    def match_file(self, path: str) -> bool:
        """Return whether a file, or one of the folders that it is in, is matched."""
        parts = path.split("/")
        folders = ("/".join(parts[:length]) for length in range(1, len(parts)))
        is_inside = any(self.match(folder, is_folder=True) for folder in folders)
        return is_inside or bool(self.match(path, is_folder=False))


def _compile(line: str) -> tuple[re.Pattern[str], bool, bool]:
    pattern = re.sub(r"(?<!\\) +$", "", line.rstrip("\r\n"))
    is_negated = pattern.startswith("!")
    pattern = pattern.removeprefix("!")
    needs_folder = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    anywhere = "" if "/" in pattern else "(?:.*/)?"
    expression = "".join(map(_translate, PART.finditer(pattern.removeprefix("/"))))
    return re.compile(anywhere + expression, re.DOTALL), is_negated, needs_folder


def _translate(part: re.Match[str]) -> str:
    """Return a part of a pattern as a regular expression."""
    if part["deep_start"]:
        return "(?:.*/)?"
    if part["deep_end"]:
        return "/.*"
    if part["star"]:
        return "[^/]*"
    if part["one"]:
        return "[^/]"
    if part["set"]:
        members = re.sub(r"([\\\[\]&~|])", r"\\\1", part["set"])
        return f"[{'^/' if part['not'] else ''}{members}]"
    return re.escape(part["escaped"] or part["plain"])
