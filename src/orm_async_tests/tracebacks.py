"""Reads printed errors and tracebacks, also from logs and from the output of pytest."""

import re
import sysconfig
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

CLASS = re.compile(r"\b[A-Z][A-Za-z]*(?:Error|Exception|Warning)\b")
PRINTED = re.compile(  # an error as Python or a log prints it
    rf"(?:\b(?:\w+\.)+[A-Z]\w+|{CLASS.pattern}|^[A-Z][a-z]+(?:[A-Z][a-z]+)+)['>)]*: ", re.MULTILINE
)
PRINTED_LINE = re.compile(rf"[\w.]*{PRINTED.pattern}.*", re.MULTILINE)
BEGIN = "Traceback (most recent call last)"
TRACEBACK = re.compile(rf'\bFile "[^"]+", line \d+|{re.escape(BEGIN)}')
CAUSE = re.compile(  # or an exception group, before its first exception
    r"(?:The above exception was the direct cause of the following exception:|\+-\+-+ 1 -+)"
    rf"(?:(?:.*\n){{0,3}}?.*?{re.escape(BEGIN)})?"
)
NEXT_TRACEBACK = re.compile(
    r"During handling of the above exception, another exception occurred:"
    rf"|(?={re.escape(BEGIN)})|^(?=.*\b[A-Z]\w*Warning: )",
    re.MULTILINE,
)
WARNING = re.compile(r".*\b[A-Z]\w*Warning: ")
NEXT_MESSAGE = re.compile(rf"^(?=[\w.]*{CLASS.pattern}: )", re.MULTILINE)
FRAME = re.compile(
    r'(?!.*Traceback)(?P<prefix>.*?)\bFile "(?P<path>[^"]+)", line (?P<line>\d+), in (?P<name>\S+)'
)
LIBRARIES = re.compile(
    r"site-packages|dist-packages|[/\\]lib[/\\]python3|\.pyx$|^<|Lib[/\\]asyncio|^lib/sqlalchemy"
    rf"|^{re.escape(sysconfig.get_path('stdlib'))}"
)
SQL = re.compile(r"^\[SQL: [\s\S]*", re.MULTILINE)  # with parameters, at the end of a message
LOG_WORDS = re.compile(  # of pytest's summary, of Docker, and of SQLAlchemy
    r"^(?:FAILED|ERROR) \S+::\S+ - |^\S+ +\| |https://sqlalche\.me/\S+", re.MULTILINE
)
COLOR = re.compile(r"\x1b\[[\d;]*[A-Za-z]")
ESCAPED_FRAME = re.compile(r'\\n[ |]*File "|\bFile \\+"')
ESCAPE = re.compile(r"\\(u[\da-fA-F]{4}|.)")
PYTEST_HEADER = re.compile(r"_{3,} .+ _{3,}|(?:_ )+_?")
PYTEST_FRAME = re.compile(
    r"(?P<path>[^\s:][^:]*\.py):(?P<line>\d+): ?(?:in (?P<name>\S+)|[A-Z]\w*)?"
)


def is_printed_error(text: str) -> bool:
    return bool(TRACEBACK.search(text) or PRINTED.search(text))


def words_beside_error(text: str) -> str:
    """Return the words of a user beside error classes and messages, or "" for a traceback."""
    if TRACEBACK.search(text):
        return ""
    for pattern in (SQL, PRINTED_LINE, CLASS, LOG_WORDS):
        text = pattern.sub("", text)
    return text


def split_errors(text: str) -> list[str]:
    """Split a log into one text for each error, with the warnings last.

    Do not separate an error from its direct cause.
    """
    between = NEXT_TRACEBACK if TRACEBACK.search(text) else NEXT_MESSAGE
    parts = [part for part in between.split(CAUSE.sub("", text)) if part.strip()]
    return sorted(parts, key=lambda part: WARNING.match(part) is not None)


def restore_tracebacks(text: str) -> str:
    """Return a log or the output of pytest with tracebacks in the form in which Python prints them.

    Remove colors, and the escapes of a JSON string that contains a traceback.
    """
    text = COLOR.sub("", text)
    while ESCAPED_FRAME.search(text):  # again, if the log is JSON in a JSON string
        text = ESCAPE.sub(lambda match: _unescape(match[1]), text)
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "\n".join(_restore_pytest_frames(text.splitlines()))


def _unescape(escape: str) -> str:
    if len(escape) > 1:
        return chr(int(escape[1:], 16))
    return {"n": "\n", "t": "\t"}.get(escape, escape)


def _restore_pytest_frames(lines: Iterable[str]) -> Iterator[str]:
    block: list[str] = []  # the lines since the last frame
    for line in lines:
        frame = PYTEST_FRAME.fullmatch(line)
        if not (frame or PYTEST_HEADER.fullmatch(line)):
            block.append(line)
            continue
        functions = ["?", *re.findall(r"\bdef (\w+)", "\n".join(block))]
        code = [f"    {text[1:].strip()}" for text in block if text.startswith(">")][-1:]
        if frame and not frame["name"]:  # the block has the source of the function
            block = [text for text in block if text[:1] not in {"", " ", ">"}]
        yield from block
        block = []
        if frame:
            name = frame["name"] or functions[-1]
            yield f'  File "{frame["path"]}", line {frame["line"]}, in {name}'
            yield from code
        elif line.startswith("___"):
            yield BEGIN
    yield from block


def user_line(text: str) -> str:
    """Return the last line of user code before the first error, or "" if there is none.

    For example, return "app.py:41 in main: user.points".
    """
    return next(filter(None, map(_last_user_line, split_errors(text))), "")


def _last_user_line(text: str) -> str:
    user_line = ""
    for line, following in pairwise([*text.splitlines(), ""]):
        frame = FRAME.match(line)
        if frame and not LIBRARIES.search(frame["path"]):
            code = following[len(frame["prefix"]) :]  # two more spaces indent a line of code
            path, here = Path(frame["path"]), Path.cwd()
            if path.is_absolute():
                path = path.relative_to(here) if path.is_relative_to(here) else Path(path.name)
            user_line = f"{path}:{frame['line']} in {frame['name']}"
            user_line += f": {code.strip()}" * code.startswith("  ")
    return user_line
