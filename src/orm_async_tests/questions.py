"""Reads the questions that people asked in public from data/questions.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from orm_async_tests import symptoms
from orm_async_tests.symptoms import Symptom

FILE = Path(__file__).parent / "data/questions.toml"


@dataclass(frozen=True)
class Question:
    """A question that somebody asked in public. A question has a link to its web page, and the
    number of the script that answers it.
    """

    id: str
    subject: str
    text: str
    link: str
    script: int | None = None  # the number of the script, or None if none answers
    reason: str = ""  # why no script answers
    error: str = ""  # the error as it is printed, without a traceback
    symptom: Symptom | None = None  # of an error that no script raises but that its claim explains
    answer: str = ""  # one sentence, where the claim does not answer the question directly


@cache
def read_questions() -> tuple[Question, ...]:
    """Read all questions, in the order of the file.

    Raise ValueError, with the question's id, if the fields of a question are wrong.
    """
    return tuple(_read_question(table) for table in _read_file()["question"])


def read_cures() -> dict[int, list[str]]:
    """Return lines of Python that fix an error. The key is the number of the script that shows the
    error.

    A script has no entry if its right variant is short enough to show the fix.
    """
    return {int(number): lines for number, lines in _read_file()["cures"].items()}


@cache
def _read_file() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text("utf-8"))


def _read_question(table: dict[str, Any]) -> Question:
    values = {"text" if name == "question" else name: value for name, value in table.items()}
    try:
        if "symptom" in values:
            values["symptom"] = symptoms.parse(values["symptom"])
        question = Question(**values)
    except (TypeError, ValueError) as error:
        form = "see CONTRIBUTING.md for the fields of a question"
        raise ValueError(f"{table.get('id', table)}: {error}; {form}") from None
    if (question.script is None) == (question.reason == ""):
        raise ValueError(f"{question.id}: give either script or reason")
    return question
