"""Recognizes known errors in an error message or a traceback.

The docstring of a script describes the errors that the script explains, for example:

    Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
    "_load_expired" in the traceback.

CONTRIBUTING.md describes the parts of such a sentence. Every symptom needs a piece of the error's
message, or a text from the traceback.
"""

import builtins
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from orm_async_tests.tracebacks import BEGIN, CLASS, split_errors

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
    """ArgumentError CommandError DBAPIError DataError DatabaseError FastAPIError IntegrityError
    InterfaceError InternalError InvalidRequestError NotSupportedError OperationalError
    ProgrammingError ProtocolViolationError ResourceClosedError SAWarning StatementError
    UnmappedInstanceError ValidationError""".split()  # noqa: SIM905
)
# Classes that are not built in, but that every program raises as well.
EVERYBODYS = {"CancelledError", "SSLCertVerificationError"}
SQL = re.compile(r"\[SQL: .*?\](?= \[parameters| \(Background|$)")
WRAPPED = re.compile(r"(?:\s|\\n|[│|]\s)+")  # line breaks of terminals, logs and boxes
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

    @cached_property
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
        self.lower_words = self.words.lower()
        self.word_count = len(self.words.split())
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
        has_message = self.word_count > BARE_CODE
        if fragment and has_message and not kinds & {"code", "error", "fragment"}:
            return False  # the text has the symptom's SQLSTATE with another message
        if kinds & {"code", "sqlstate"}:
            return True
        if hasattr(builtins, error) or error in EVERYBODYS:  # require all parts
            required = {"place", "fragment" if fragment else "error"}
            return all(part in parts for part in symptom.parts if part[0] in required)
        return "fragment" in kinds or ("error" in kinds and error not in COMMON)

    def _is_inside(self, fragment: str) -> bool:
        return self.word_count >= SHORTEST and self.lower_words in fragment.lower()

    def _has(self, kind: str, part: str) -> bool:
        if kind == "place":
            return part in self.without_sql
        if kind == "fragment" and self._is_inside(part):
            return True
        if not all(piece in self.lower_words for piece in _pieces(part)):
            return False  # faster than a regular expression, which would not match either
        if kind == "sqlstate" and part.isdecimal():  # looks like any number unless it is labeled
            return self._matches(rf"(?:^|(?:sqlstate|pgcode)\W+){part}\b")
        if kind == "fragment":
            return self._matches(_pattern(part))
        suffix = "(?:Error)?" if kind == "error" else ""  # asyncpg adds it to the names of psycopg
        return self._matches(rf"\b{_pattern(part)}{suffix}\b")

    def _matches(self, pattern: str) -> bool:
        return _compile(pattern).search(self.words) is not None


@cache  # because re keeps only 512 patterns
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


@cache
def _pieces(part: str) -> list[str]:
    return part.lower().split("...")


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


def remove_fragments(text: str, symptoms: Iterable[Symptom]) -> str:
    """Return a text without the parts of error messages that the symptoms declare."""
    # In this order, a fragment precedes its own beginning.
    for fragment in sorted({symptom.fragment for symptom in symptoms} - {""}, reverse=True):
        text = _compile(_pattern(fragment)).sub("", text)
    return text


def _scores(text: str, symptoms: Mapping[int, Sequence[Symptom]]) -> dict[int, float]:
    """Return the score of each script's best symptom.

    A symptom's part has a greater weight if few scripts declare that part. Among parts of a message
    that equally many scripts declare, the longest has the greatest weight.
    """
    pasted = PastedText(text)
    by_script = [
        set[Part]().union(*(symptom.parts for symptom in known)) for known in symptoms.values()
    ]
    counts = Counter(part for parts in by_script for part in parts)
    weights = {
        part: math.log(1 + len(by_script) / count) + (part[0] == "fragment") * len(part[1]) / 10_000
        for part, count in counts.items()
    }
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
