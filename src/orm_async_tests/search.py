"""Finds the scripts that answer a question or explain an error.

The module compares an error message with the symptoms of the scripts. To find scripts by words, the
module uses SQLite's full-text index FTS5.
"""

import math
import re
import sqlite3
from collections.abc import Iterable
from functools import cache
from itertools import chain

from orm_async_tests import symptoms, tracebacks
from orm_async_tests.catalogue import ScriptFile, read_scripts
from orm_async_tests.questions import Question, read_questions

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
UNANSWERED = 1_000_000  # keys of questions that no script answers begin with this number
MAX_WORDS = 60  # the maximum number of words to search for
WORD = re.compile(r"\w+")
NAMES_IN_CODE = re.compile(r"\.(\w+)|\b(\w+)=(?![= ])|^from (?!orm_async)(.+)", re.MULTILINE)
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")  # in MissingGreenlet
FINDING = re.compile(r"\(orm-async-tests explain (\d+(?:, \d+)*)\)")  # of the pytest plugin
FILLERS = frozenset(
    """a all am an and any are as at be been but by can do does for from get gets give has have how
    i if in into is it its me my no not of on one or our own per should so that the their them then
    there these they this to two use used uses using was we what when where which while who why
    will with without you your""".split()  # noqa: SIM905 - a list of them needs ten lines
)


@cache  # because an index takes 20 ms
def _open_index() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    columns = ", ".join(WEIGHTS)
    connection.execute(
        f"CREATE VIRTUAL TABLE scripts USING fts5({columns}, tokenize='porter unicode61')"
    )
    insert = f"INSERT INTO scripts (rowid, {columns}) VALUES (?{', ?' * len(WEIGHTS)})"
    questions = read_questions()
    for script in read_scripts():
        answered = [question for question in questions if question.script == script.number]
        connection.execute(insert, (script.number, *_list_texts(script, answered)))
    return connection


def _list_texts(script: ScriptFile, questions: Iterable[Question]) -> tuple[str, ...]:
    errors = [
        text
        for symptom in script.symptoms
        for text in (symptom.driver, *(part for _, part in sorted(symptom.parts)))
    ]
    names = {" ".join(groups) for groups in NAMES_IN_CODE.findall(script.code)}
    return (
        script.claim,
        "\n".join(f"{item.text} {item.answer}" for item in questions),
        _with_words("\n".join([*errors, *(item.error for item in questions)])),
        script.chapter.replace("_", " "),
        _with_words(" ".join(sorted(names))),
        "\n".join(f"{name.replace('_', ' ')}: {label}" for name, label in script.right_variants),
        script.why,
    )


def _with_words(names: str) -> str:
    """Append the words of the names, for example "Async Session" for AsyncSession."""
    return f"{names}\n{HUMP.sub(' ', names)}"


def _select(query: str, *values: str) -> list[int]:
    return [number for (number,) in _open_index().execute(query, values)]


def find_by_words(text: str, *, all_words: bool) -> list[int]:
    """Return the numbers of the scripts with these words, best match first."""
    terms = (" AND " if all_words else " OR ").join(_list_terms(text))
    bm25 = f"bm25(scripts, {', '.join(map(str, WEIGHTS.values()))})"
    query = f"SELECT rowid FROM scripts WHERE scripts MATCH ? ORDER BY {bm25}, rowid"
    return _select(query, terms) if terms else []


def _list_terms(text: str) -> list[str]:
    words = dict.fromkeys(word.strip("_") for word in WORD.findall(text.lower()))
    useful = [word for word in words if word and word not in FILLERS][:MAX_WORDS]
    return [f'"{word.replace("_", " ")}"' for word in useful]  # pool_pre_ping becomes a phrase


def _measure_coverage(text: str, number: int) -> float:
    """Return the fraction of the text's words that the script contains.

    Rare words have a greater weight than common words.
    """
    [count] = _select("SELECT count(*) FROM scripts")
    covered = total = 0.0
    for term in _list_terms(text):
        scripts = _select("SELECT rowid FROM scripts WHERE scripts MATCH ?", term)
        weight = math.log((count + 1) / (len(scripts) + 0.5))
        total += weight
        covered += weight if number in scripts else 0
    return covered / total


def find_answers(text: str) -> tuple[list[int], bool]:
    """Return the numbers of the best scripts, and whether the best one matches well enough."""
    if named := FINDING.search(text):
        return [int(number) for number in named[1].split(", ")], True
    known = {script.number: [*script.symptoms] for script in read_scripts()}
    for key, question in enumerate(read_questions(), UNANSWERED):
        if question.symptom is not None:
            known.setdefault(question.script or key, []).append(question.symptom)
    words = tracebacks.words_beside_error(text)
    words = symptoms.remove_fragments(words, chain.from_iterable(known.values()))
    preferred = find_by_words(words, all_words=False)
    if numbers := symptoms.find_scripts(text, known, preferred):
        scripts = [number for number in numbers if number < UNANSWERED]
        return scripts, numbers[0] < UNANSWERED
    messages = "\n".join(tracebacks.PRINTED_LINE.findall(text))
    ranked = find_by_words(messages or text, all_words=False)
    # Words in common do not explain a printed error. Only a symptom does.
    is_enough = bool(ranked) and _measure_coverage(text, ranked[0]) >= ENOUGH
    return ranked[: symptoms.MAX_SCRIPTS], is_enough and not tracebacks.is_printed_error(text)


def find_questions(text: str, script: int | None) -> list[Question]:
    """Return the questions about this error that the script answers, or that no script answers.

    Questions about a longer part of the message come first.
    """
    pasted = symptoms.PastedText(text)
    matches = [
        (len(question.symptom.fragment), question)
        for question in read_questions()
        if question.script == script and question.symptom
        if pasted.matching_parts(question.symptom)
    ]
    return [question for _, question in sorted(matches, key=lambda match: -match[0])]
