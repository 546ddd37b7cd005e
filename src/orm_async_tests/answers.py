"""The scripts that answer an error, a traceback or words."""

from collections.abc import Sequence
from functools import cache

from orm_async_tests import search, symptoms
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.questions import Question
from orm_async_tests.search import Ranking


def find_answers(
    text: str, scripts: dict[int, ScriptFile], questions: Sequence[Question]
) -> tuple[list[int], bool]:
    """Return the numbers of the scripts for a text, best first, and whether they fit.

    Errors are matched by symptoms. If no symptom matches, the words of the text rank the scripts.
    Scripts that were ranked by words fit if the text is no printed error and the best script has
    enough of the words.
    """
    known = {number: [*script.symptoms] for number, script in scripts.items()}
    for question in questions:
        if question.script is not None and question.symptom is not None:
            known[question.script].append(question.symptom)

    @cache
    def rank(words: str) -> Ranking:
        with search.open_index(scripts.values(), questions) as index:
            return index.rank(words)

    words = symptoms.words_beside_error(text)
    preferred = rank(words).numbers if words.strip() else ()
    if numbers := symptoms.find_scripts(text, known, preferred):
        return numbers, True
    ranking = rank(text)
    is_sure = ranking.coverage >= search.ENOUGH and not symptoms.is_printed_error(text)
    return list(ranking.numbers[: symptoms.MOST]), is_sure


def find_unanswered(text: str, questions: Sequence[Question]) -> Question | None:
    """Return the question that no script answers and whose symptom matches the text."""
    pasted = symptoms.PastedText(text)
    for question in questions:
        if question.symptom and question.script is None and pasted.matching_parts(question.symptom):
            return question
    return None
