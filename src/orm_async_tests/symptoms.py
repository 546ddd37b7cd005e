"""Recognizes known errors in an error message or a traceback.

The docstring of a script describes the errors that the script explains, for example:

    Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
    "_load_expired" in the traceback.

After the words "you get", a `Symptom:` sentence has up to five parts, in this order:

- the error's class, or "an error" if the class does not matter
- the error's code in SQLAlchemy, or its SQLSTATE in PostgreSQL
- a piece of the error's message, in which "..." stands for any word or any part of a word
- the word "on" and a driver, if only this driver raises the error
- texts that the error's traceback must contain

Every symptom needs a piece of the error's message, or a text from the traceback.
"""

import builtins
import math
import re
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

SENTENCE = re.compile(r"^Symptom: *(.+?)(?=\nSymptom:|\s*\Z)", re.MULTILINE | re.DOTALL)
QUOTED = r'"[^"]+"'
SENTENCE_FORM = re.compile(
    r"you get (?P<description>(?:an error|(?P<error>[A-Z]\w*[a-z]\w*))"
    r"(?: \((?:code (?P<code>[a-z0-9]{4})|SQLSTATE (?P<sqlstate>[0-9A-Z]{5}))\))?"
    rf"(?: (?P<fragment>{QUOTED}))?(?: on (?P<driver>asyncpg|psycopg))?"
    rf"(?: with (?P<places>{QUOTED}(?: and {QUOTED})*) in the traceback)?)\."
)
# Many programs raise these classes, so the class alone identifies no script.
COMMON = frozenset(
    """ArgumentError CommandError DBAPIError DataError DatabaseError IntegrityError InterfaceError
    InternalError InvalidRequestError NotSupportedError OperationalError ProgrammingError
    ResourceClosedError SAWarning StatementError ValidationError""".split()  # noqa: SIM905
)
# Classes that are not built in, but that every program raises as well.
EVERYBODYS = {"CancelledError"}
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
SQL = re.compile(r"\[SQL: .*?\](?= \[parameters| \(Background|$)")
WRAPPED = re.compile(r"(?:\s|\\n|[│|]\s)+")  # line breaks of terminals, logs and boxes
FRAME = re.compile(
    r'(?!.*Traceback)(?P<prefix>.*?)\bFile "(?P<path>[^"]+)", line (?P<line>\d+), in (?P<name>\S+)'
)
LIBRARIES = re.compile(
    r"site-packages|dist-packages|[/\\]lib[/\\]python3|\.pyx$|^<|Lib[/\\]asyncio|^lib/sqlalchemy"
    rf"|^{re.escape(sysconfig.get_path('stdlib'))}"
)
COLOR = re.compile(r"\x1b\[[\d;]*[A-Za-z]")
ESCAPED_FRAME = re.compile(r'\\n[ |]*File "|\bFile \\+"')
ESCAPE = re.compile(r"\\(u[\da-fA-F]{4}|.)")
PYTEST_HEADER = re.compile(r"_{3,} .+ _{3,}|(?:_ )+_?")
PYTEST_FRAME = re.compile(
    r"(?P<path>[^\s:][^:]*\.py):(?P<line>\d+): ?(?:in (?P<name>\S+)|[A-Z]\w*)?"
)
MAX_SCRIPTS = 3  # the maximum number of scripts to name for a text
SHORTEST = 3  # the fewest words of a text that may match the middle of a fragment
LONG = 4  # the fewest words of a fragment that identifies its error
BARE_CODE = 4  # the most words of a text that may have a SQLSTATE and no message
Part = tuple[str, str]  # the kind of a symptom's part, and its text


@dataclass(frozen=True)
class Symptom:
    """An error as a `Symptom:` sentence describes it.

    If the `Symptom:` sentence lacks a part, the field for this part is empty.
    """

    description: str  # the sentence without "you get" and without the full stop
    driver: str = ""
    error: str = ""
    code: str = ""
    sqlstate: str = ""
    fragment: str = ""
    places: tuple[str, ...] = ()

    @property
    def parts(self) -> set[Part]:
        single = {(kind, getattr(self, kind)) for kind in ("error", "code", "sqlstate", "fragment")}
        return {part for part in single if part[1]} | {("place", place) for place in self.places}


def parse(text: str) -> Symptom:
    """Parse the text after the word `Symptom:`.

    Raise ValueError if the text does not have the form of a symptom.
    """
    sentence = " ".join(text.split())
    match = SENTENCE_FORM.fullmatch(sentence)
    if match is None or not (match["fragment"] or match["places"]):
        raise ValueError(f"{sentence!r} is not in the form of a symptom")
    parts: dict[str, str] = match.groupdict("")
    places = re.findall(QUOTED, parts.pop("places"))
    fragment = parts.pop("fragment").strip('"')
    return Symptom(**parts, fragment=fragment, places=tuple(place.strip('"') for place in places))


class PastedText:
    """A text that a user pasted: an error message or a whole traceback."""

    def __init__(self, text: str) -> None:
        self.words = WRAPPED.sub(" ", text.replace("\u2019", "'")).strip()
        self.has_beginning = BEGIN in self.words
        self.without_sql = SQL.sub("", self.words)  # a column's name is no place in the code

    def matching_parts(self, symptom: Symptom) -> set[Part]:
        """Return the parts of a symptom that the text contains.

        Return an empty set if the parts in the text do not identify the error.
        """
        parts = {part for part in symptom.parts if self._has(*part)}
        return parts if self._identifies(symptom, parts) else set()

    def _identifies(self, symptom: Symptom, parts: set[Part]) -> bool:
        """Return whether these parts of a symptom are enough to recognize its error."""
        kinds, error, fragment = {kind for kind, _ in parts}, symptom.error, symptom.fragment
        # Each driver has its own class for an error, so a different class may be the same error.
        if "fragment" in kinds and not kinds & {"code", "error"} and error:
            is_short = len(fragment.split()) < LONG and not self._is_inside(fragment)
            begins = self._matches(rf"(?:^|[:\]] ){_pattern(fragment)}")
            if is_short and not begins and CLASS.search(self.words):
                return False  # the text names another class
        has_message = len(self.words.split()) > BARE_CODE
        if fragment and has_message and not kinds & {"code", "error", "fragment"}:
            return False  # the text has the symptom's SQLSTATE with another message
        if kinds & {"code", "sqlstate"}:
            return True
        if hasattr(builtins, error) or error in EVERYBODYS:  # require all parts
            required = {"place", "fragment" if fragment else "error"}
            return all(part in parts for part in symptom.parts if part[0] in required)
        return "fragment" in kinds or ("error" in kinds and error not in COMMON)

    def _is_inside(self, fragment: str) -> bool:
        is_long_enough = len(self.words.split()) >= SHORTEST
        return is_long_enough and self.words.lower() in fragment.lower()

    def _has(self, kind: str, part: str) -> bool:
        if kind == "place":
            return part in self.without_sql
        if kind == "sqlstate" and part.isdecimal():  # looks like any number unless it is labeled
            return self._matches(rf"(?:^|(?:sqlstate|pgcode)\W+){part}\b")
        if kind == "fragment":
            return self._is_inside(part) or self._matches(_pattern(part))
        return self._matches(rf"\b{_pattern(part)}\b")

    def _matches(self, pattern: str) -> bool:
        return _compile(pattern).search(self.words) is not None


@cache  # because re keeps only 512 patterns
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


@cache
def _pattern(part: str) -> str:
    return re.escape(part).replace(r"\.\.\.", r"\S+")


def find_scripts(
    text: str, symptoms: Mapping[int, Sequence[Symptom]], preferred: Sequence[int] = ()
) -> list[int]:
    """Return the numbers of the scripts whose symptoms match a text, best match first.

    The keys of `symptoms` are the numbers of scripts. The list `preferred` breaks ties. Scripts
    that explain the first error in the text come first. Return at most MAX_SCRIPTS numbers, but
    include all scripts that tie with the last one.
    """
    scores = _scores(text, symptoms)
    first = next(filter(None, (_scores(error, symptoms) for error in split_errors(text))), scores)
    top = max(first.values(), default=0.0)
    order = {number: position for position, number in enumerate(preferred)}

    def rank(number: int) -> tuple[bool, float]:
        return first.get(number) != top, -scores[number]

    best = sorted(scores, key=lambda number: (rank(number), order.get(number, len(order)), number))
    return [number for number in best if rank(number) <= rank(best[:MAX_SCRIPTS][-1])]


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


def is_printed_error(text: str) -> bool:
    return bool(TRACEBACK.search(text) or PRINTED.search(text))


def words_beside_error(text: str) -> str:
    """Return a text without error classes and messages, or "" for a traceback."""
    return "" if TRACEBACK.search(text) else CLASS.sub("", PRINTED_LINE.sub("", text))


def _scores(text: str, symptoms: Mapping[int, Sequence[Symptom]]) -> dict[int, float]:
    """Return the score of each script's best symptom.

    A symptom's part has a greater weight if few scripts declare that part.
    """
    pasted = PastedText(text)
    by_script = [
        set[Part]().union(*(symptom.parts for symptom in known)) for known in symptoms.values()
    ]
    counts = Counter(part for parts in by_script for part in parts)
    weights = {part: math.log(1 + len(by_script) / count) for part, count in counts.items()}
    scores: dict[int, float] = {}
    for number, known in symptoms.items():
        for symptom in known:
            if parts := pasted.matching_parts(symptom):
                places = {part for part in symptom.parts if part[0] == "place"}
                # If the beginning is cut off, the text may lack all places.
                missing = places - parts if pasted.has_beginning or places & parts else set()
                penalty = sum(weights[part] for part in missing)
                score = round(sum(weights[part] for part in parts) - penalty, 6)
                scores[number] = max(score, scores.get(number, score))
    return scores


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
