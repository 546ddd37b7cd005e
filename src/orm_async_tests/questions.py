"""Reads data/questions.toml, a list of questions about async SQLAlchemy."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from orm_async_tests import symptoms
from orm_async_tests.symptoms import Symptom

FILE = Path(__file__).parent / "data/questions.toml"


@dataclass(frozen=True)
class Question:
    """A question about async SQLAlchemy, and the script that answers it."""

    subject: str
    text: str
    link: str
    script: int | None = None  # the number of the script, or None if none answers
    reason: str = ""  # why no script answers
    error: str = ""  # the error as it is printed, without a traceback
    symptom: Symptom | None = None  # of an error that no script raises but that its claim explains
    answer: str = ""  # one sentence, where the claim does not answer the question directly


@cache
def _read_file() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text("utf-8"))


@cache
def read_questions() -> tuple[Question, ...]:
    return tuple(map(_read_question, _read_file()["question"]))


def group_by_subject(questions: Iterable[Question]) -> dict[str, list[Question]]:
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(question.subject, []).append(question)
    return groups


def read_cure_lines() -> dict[int, list[str]]:
    """Return lines of Python that correct each script's mistake, by script number.

    The dictionary omits corrections of more than three lines.
    """
    return {int(number): lines for number, lines in _read_file()["cures"].items()}


def _read_question(table: dict[str, Any]) -> Question:
    try:
        symptom = symptoms.parse(table["symptom"]) if "symptom" in table else None
        question = Question(**{**table, "symptom": symptom})
        if (question.script is None) == (question.reason == ""):
            raise ValueError(
                "a question needs either a script that answers it, or a reason why no script does"
            )
    except (TypeError, ValueError) as error:
        form = "see CONTRIBUTING.md for the fields of a question"
        raise ValueError(f"{table.get('text', table)}: {error}; {form}") from None
    return question
