"""What an error looks like, and which of many known ones a text shows.

A script names in its docstring the errors by which a person meets it:

Symptom: MissingGreenlet xd2s "greenlet_spawn has not been called" in "_load_expired"
Symptom: psycopg: 34000 "cursor ... does not exist"

The driver on which alone it is seen; the class; SQLAlchemy's code or PostgreSQL's SQLSTATE; a part
of the message, where "..." is one word; and what a traceback has where the error comes from there.
"""

import builtins
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

LINE = re.compile(r"^Symptom: *(.+)$", re.MULTILINE)
QUOTED = r'"[^"]+"'
FORM = re.compile(
    r"(?:(?P<driver>asyncpg|psycopg): )?"
    r"(?:(?P<error>[A-Z]\w*[a-z]\w*)\b ?)?(?:(?P<code>[a-z0-9]{4})\b ?)?"
    rf"(?:(?P<sqlstate>[0-9A-Z]{{5}})\b ?)?(?P<fragment>{QUOTED})?"
    rf" ?(?:in (?P<places>{QUOTED}(?: {QUOTED})*))?"
)
# Classes that many programs raise: seen alone they say nothing, as the builtin ones do.
COMMON = {
    "ArgumentError",
    "CommandError",
    "DBAPIError",
    "DataError",
    "DatabaseError",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "InvalidRequestError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "SAWarning",
    "StatementError",
    "ValidationError",
}
TRACEBACK = re.compile(r'\bFile "[^"]+", line \d+')
SQL = re.compile(r"\[SQL: .*?\](?= \[parameters| \(Background|$)")
WRAPPED = re.compile(r"(?:\s|\\n|[│|]\s)+")  # as terminals, logs and boxes break lines
MOST = 3  # that are named for a text
SHORTEST = 3  # words of a text that may be a part of a message, and not the other way round
Part = tuple[str, str]  # what it is of a symptom, and how it is written


@dataclass(frozen=True)
class Symptom:
    """One error, as its line says it; what the line does not say is empty."""

    line: str
    driver: str = ""
    error: str = ""
    code: str = ""
    sqlstate: str = ""
    fragment: str = ""
    places: tuple[str, ...] = ()

    @property
    def parts(self) -> Iterator[Part]:
        """What is said of it, one by one."""
        for name in ("error", "code", "sqlstate", "fragment"):
            if said := getattr(self, name):
                yield name, said
        for place in self.places:
            yield "place", place


def parse(line: str) -> Symptom:
    """What follows "Symptom:". Raises ValueError if it is not in the form."""
    found = FORM.fullmatch(line)
    if found is None or not (found["fragment"] or found["places"]):
        raise ValueError(f"{line!r} is not in the form of a symptom")
    said = {name: (value or "").strip('"') for name, value in found.groupdict().items()}
    del said["places"]
    return Symptom(line, **said, places=tuple(re.findall(r'"([^"]+)"', found["places"] or "")))


class Text:
    """An error's text or a whole traceback, as it was pasted."""

    def __init__(self, pasted: str) -> None:
        self.words = WRAPPED.sub(" ", pasted.replace("\u2019", "'")).strip()
        self.is_traceback = TRACEBACK.search(self.words) is not None
        self.code = SQL.sub("", self.words)  # a statement's columns are nobody's attributes

    def shows(self, symptom: Symptom) -> set[Part]:
        """The parts of a symptom that are here, or none if they are too little to go by."""
        here = {part for part in symptom.parts if self._has(*part)}
        kinds = {kind for kind, _ in here}
        if kinds & {"code", "sqlstate"}:
            return here
        if hasattr(builtins, symptom.error):  # anybody's: all that is said of it must be here
            named = {"place", "fragment" if symptom.fragment else "error"}
            absent = {part for part in symptom.parts if part[0] in named} - here
            return set() if absent else here
        telling = "fragment" in kinds or ("error" in kinds and symptom.error not in COMMON)
        return here if telling else set()

    def _has(self, kind: str, said: str) -> bool:
        if kind == "place":
            return said in self.code
        if kind == "sqlstate" and said.isdecimal():  # a number as any other, unless it is named
            return self._finds(rf"(?:^|(?:sqlstate|pgcode)\W+){said}\b")
        pattern = re.escape(said).replace(r"\.\.\.", r"\S+")
        if kind == "fragment":
            enough = len(self.words.split()) >= SHORTEST
            return (enough and self.words.lower() in said.lower()) or self._finds(pattern)
        return self._finds(rf"\b{pattern}\b")

    def _finds(self, pattern: str) -> bool:
        return re.search(pattern, self.words, re.IGNORECASE) is not None


def matching(pasted: str, known: Mapping[int, Sequence[Symptom]]) -> list[int]:
    """The numbers of the best three whose symptoms a text shows, and of what fits as the third.

    A part counts for as much as it is rare among what is known. What should be in a traceback and
    is not counts against. Of equals the lower number comes first.
    """
    text = Text(pasted)
    weights = _weights(known.values())
    scores = {
        number: max(_score(text, each, weights) for each in shown)
        for number, symptoms in known.items()
        if (shown := [each for each in symptoms if text.shows(each)])
    }
    best = sorted(scores, key=lambda number: (-scores[number], number))
    return [number for number in best if scores[number] >= scores[best[:MOST][-1]]]


def _weights(known: Iterable[Sequence[Symptom]]) -> dict[Part, float]:
    sets = [{part for each in symptoms for part in each.parts} for symptoms in known]
    counts = Counter(part for parts in sets for part in parts)
    return {part: math.log(1 + len(sets) / count) for part, count in counts.items()}


def _score(text: Text, symptom: Symptom, weights: Mapping[Part, float]) -> float:
    here = text.shows(symptom)
    absent = {part for part in symptom.parts if part[0] == "place"} - here
    missed = sum(weights[part] for part in absent) if text.is_traceback else 0
    return round(sum(weights[part] for part in here) - missed, 6)
