"""Finds the scripts that answer a question or explain an error message.

An error in the text is compared with the symptoms of the scripts. SQLite's full-text search FTS5
finds the words, with Porter stemming and the ranking bm25.
"""

import ast
import math
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache

from orm_async_tests import symptoms
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.questions import Question

WEIGHTS = {  # the columns, and how much a word in them counts
    "claim": 3.0,
    "questions": 3.0,
    "symptoms": 2.0,
    "chapter": 1.0,
    "names": 1.0,
    "labels": 2.0,
    "prose": 2.0,
}
ENOUGH = 0.6  # the coverage that an answer needs
MOST_WORDS = 60  # of a text that are looked for
WORD = re.compile(r"\w+")
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")  # in MissingGreenlet
FILLERS = frozenset(
    """a all am an and any are as at be been but by can do does for from get gets give has have how
    i if in into is it its me my no not of on one or our own should so that the their them then
    there these they this to two use used uses using was we what when where which while who why
    will with without you your""".split()  # noqa: SIM905 - a list of them needs ten lines
)


@dataclass(frozen=True)
class Ranking:
    """The numbers of the scripts that contain words of the text, best match first."""

    numbers: tuple[int, ...]
    coverage: float  # how much of the text's words the first script has, from 0 to 1


class Index:
    """An open index."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def rank(self, text: str) -> Ranking:
        """Rank the scripts by the words of a text."""
        terms = list(_terms(text))
        if not terms:
            return Ranking((), 0)
        bm25 = f"bm25(scripts, {', '.join(map(str, WEIGHTS.values()))})"
        query = f"SELECT rowid FROM scripts WHERE scripts MATCH ? ORDER BY {bm25}, rowid"
        numbers = self._select(query, " OR ".join(terms))
        if not numbers:
            return Ranking((), 0)
        return Ranking(tuple(numbers), self._coverage(terms, numbers[0]))

    def _coverage(self, terms: Iterable[str], number: int) -> float:
        """Return which fraction of the search terms a script contains. A term that few scripts
        contain counts more than a common term.
        """
        [count] = self._select("SELECT count(*) FROM scripts")
        covered = total = 0.0
        for term in terms:
            scripts = self._select("SELECT rowid FROM scripts WHERE scripts MATCH ?", term)
            weight = math.log((count + 1) / (len(scripts) + 0.5))
            total += weight
            covered += weight if number in scripts else 0
        return covered / total

    def close(self) -> None:
        self.connection.close()

    def _select(self, query: str, *values: object) -> list[int]:
        return [number for (number,) in self.connection.execute(query, values)]


def _terms(text: str) -> Iterator[str]:
    """Yield a text's words, quoted for a query of SQLite's full-text search FTS5. A name with
    underscores, for example pool_pre_ping, becomes a phrase.
    """
    words = dict.fromkeys(word.strip("_") for word in WORD.findall(text.lower()))
    useful = [word for word in words if word and word not in FILLERS]
    for word in useful[:MOST_WORDS]:
        yield f'"{word.replace("_", " ")}"'


def open_index(scripts: Iterable[ScriptFile], questions: Iterable[Question]) -> closing[Index]:
    """Build a search index in memory, and close it when the block ends."""
    by_script = defaultdict[int | None, list[Question]](list)
    for question in questions:
        by_script[question.script].append(question)
    columns = ", ".join(WEIGHTS)
    insert = f"INSERT INTO scripts (rowid, {columns}) VALUES (?{', ?' * len(WEIGHTS)})"
    rows = ((script.number, *_row(script, by_script[script.number])) for script in scripts)
    connection = sqlite3.connect(":memory:")
    connection.execute(
        f"CREATE VIRTUAL TABLE scripts USING fts5({columns}, tokenize='porter unicode61')"
    )
    connection.executemany(insert, rows)
    return closing(Index(connection))


def _row(script: ScriptFile, questions: Iterable[Question]) -> tuple[str, ...]:
    """Return a script's texts for the columns of the search index, in the order of WEIGHTS."""
    symptoms = [symptom.line for symptom in script.symptoms]
    return (
        script.claim,
        "\n".join(f"{item.text} {item.answer}" for item in questions),
        _with_words("\n".join([*symptoms, *(item.error for item in questions)])),
        script.chapter.replace("_", " "),
        _with_words(" ".join(sorted(_names(script)))),
        "\n".join(f"{name.replace('_', ' ')}: {label}" for name, label in script.cures),
        script.why,
    )


def _with_words(names: str) -> str:
    """Return these names. Add the words of each name that capital letters divide, for example
    "async" and "session" for AsyncSession.
    """
    return f"{names}\n{HUMP.sub(' ', names)}"


def _names(script: ScriptFile) -> Iterator[str]:
    """Yield the names of functions and classes that the script's code uses."""
    for node in ast.walk(ast.parse(script.path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("orm_async"):
            yield from (f"{node.module} {alias.name}" for alias in node.names)


def find_answers(
    text: str, scripts: dict[int, ScriptFile], questions: Sequence[Question]
) -> tuple[list[int], bool]:
    """Return the numbers of the scripts that best match a text. The function also returns whether
    these scripts match well enough.

    An error in the text is compared with the symptoms of the scripts. If no symptom matches, the
    scripts are ranked by the words of the text. A match by words is good enough if the best script
    contains enough of the words. A match by words is never good enough for a printed error.
    """
    known = {number: [*script.symptoms] for number, script in scripts.items()}
    for question in questions:
        if question.script is not None and question.symptom is not None:
            known[question.script].append(question.symptom)

    @cache
    def rank(words: str) -> Ranking:
        with open_index(scripts.values(), questions) as index:
            return index.rank(words)

    words = symptoms.words_beside_error(text)
    preferred = rank(words).numbers if words.strip() else ()
    if numbers := symptoms.find_scripts(text, known, preferred):
        return numbers, True
    ranking = rank(text)
    is_sure = ranking.coverage >= ENOUGH and not symptoms.is_printed_error(text)
    return list(ranking.numbers[: symptoms.MOST]), is_sure


def find_unanswered(text: str, questions: Sequence[Question]) -> Question | None:
    """Return a public question whose symptom matches the text, if no script answers this
    question.
    """
    pasted = symptoms.PastedText(text)
    for question in questions:
        if question.symptom and question.script is None and pasted.matching_parts(question.symptom):
            return question
    return None
