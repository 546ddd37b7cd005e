"""Matches paths with patterns in the syntax of .gitignore."""

import re
from collections.abc import Iterable

PART = re.compile(
    r"""(?P<deep_start>\*\*/) | (?P<deep_end>/\*\*$) | (?P<star>\*+) | (?P<one>\?)
    | \[(?P<not>[!^]?)(?P<set>\][^\]]*|[^\]]+)\] | \\(?P<escaped>.) | (?P<plain>.)""",
    re.VERBOSE | re.DOTALL,
)
WILDCARDS = {"deep_start": "(?:.*/)?", "deep_end": "/.*", "star": "[^/]*", "one": "[^/]"}


class PathPatterns:
    """The patterns of a .gitignore or of a setting, for the paths below a folder.

    The last pattern that matches a path decides. Paths are absolute and have slashes.
    """

    def __init__(self, folder: str, lines: Iterable[str]) -> None:
        self._prefix = folder.rstrip("/") + "/"
        self._patterns = [_compile(line) for line in lines if line.strip() and line[0] != "#"]

    def match(self, path: str, *, is_folder: bool) -> bool | None:
        """Return whether the patterns ignore a path, or None if no pattern matches it."""
        if path.startswith(self._prefix):
            for pattern, is_negated, needs_folder in reversed(self._patterns):
                if (is_folder or not needs_folder) and pattern.fullmatch(path, len(self._prefix)):
                    return not is_negated
        return None

    def match_file(self, path: str) -> bool:
        """Return whether the patterns ignore a file or a folder that contains the file."""
        ends = [match.start() for match in re.finditer("/", path)]
        return bool(self.match(path, is_folder=False)) or any(
            self.match(path[:end], is_folder=True) for end in ends
        )


def _compile(line: str) -> tuple[re.Pattern[str], bool, bool]:
    """Return a line of the patterns as a regular expression, whether the pattern is negated, and
    whether it matches only folders.
    """
    text = re.sub(r"(?<!\\) +$", "", line.rstrip("\r\n"))
    pattern = text.removeprefix("!").removesuffix("/")
    anywhere = "" if "/" in pattern else "(?:.*/)?"
    expression = PART.sub(_translate, pattern.removeprefix("/"))
    return re.compile(anywhere + expression, re.DOTALL), text[0] == "!", text[-1] == "/"


def _translate(part: re.Match[str]) -> str:
    """Translate a part of a pattern to a regular expression."""
    if part["set"]:
        members = re.sub(r"([\\\[\]&~|])", r"\\\1", part["set"])
        return f"[{'^/' if part['not'] else ''}{members}]"
    return WILDCARDS.get(part.lastgroup or "") or re.escape(part["escaped"] or part["plain"])
