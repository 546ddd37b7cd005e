"""The user's own line in a traceback that was pasted."""

import re
import sysconfig
from pathlib import Path

FRAME = re.compile(
    r'^[ |]*File "(?P<path>[^"]+)", line (?P<line>\d+), in (?P<name>\S+)(?P<code>.*)$'
)
LIBRARIES = re.compile(
    r"site-packages|dist-packages|[/\\]lib[/\\]python3|\.pyx$|^<|Lib[/\\]asyncio"
)
STANDARD_LIBRARY = sysconfig.get_path("stdlib")


def own_line(text: str) -> str:
    """Return the user's last line before the first error, as "app.py:41 in main: user.points".

    Lines of installed packages and of the standard library are not the user's. The result is empty
    if the text has no traceback or no such line.
    """
    lines = text.splitlines()
    user_line = ""
    for position, line in enumerate(lines):
        if (frame := FRAME.match(line)) and _is_own(frame["path"]):
            code = lines[position + 1].strip(" |") if position + 1 < len(lines) else ""
            is_code = code and not FRAME.match(lines[position + 1]) and not _is_message(code)
            place = f"{_shorten(frame['path'])}:{frame['line']} in {frame['name']}"
            user_line = f"{place}: {code}" if is_code else place
        elif user_line and line.strip(" |").startswith("During handling of the above exception"):
            break
    return user_line


def _is_own(path: str) -> bool:
    return not LIBRARIES.search(path) and not path.startswith(STANDARD_LIBRARY)


def _is_message(code: str) -> bool:
    return re.match(r"[\w.]+(?:Error|Exception|Warning|Greenlet)\b", code) is not None


def _shorten(path: str) -> str:
    """Return a path relative to the working directory, or a file's name if it is elsewhere."""
    file, here = Path(path), Path.cwd()
    if not file.is_absolute():
        return path
    return str(file.relative_to(here)) if file.is_relative_to(here) else file.name
