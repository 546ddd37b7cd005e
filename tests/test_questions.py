"""The links and scripts of the public questions exist, and `why` finds the answers."""

import ast
import re
from collections import Counter

import pytest

from orm_async_tests import catalogue, questions
from orm_async_tests.questions import read_questions
from orm_async_tests.search import find_answers
from orm_async_tests.symptoms import MAX_SCRIPTS, PastedText

SCRIPTS = {script.number: script for script in catalogue.read_scripts()}
QUESTIONS = read_questions()
ANSWERED = [question for question in QUESTIONS if question.script is not None]
LINK = re.compile(r"https://[a-z0-9.-]+\.[a-z]+/[\w.~%/#?=&:+-]+")
PAGE = "orm/extensions/asyncio.html"
SECTIONS = {  # of the documentation's page on the asyncio extension
    "asyncio-platform-installation-notes",
    "synopsis-core",
    "synopsis-orm",
    "using-asyncsession-with-concurrent-tasks",
    "preventing-implicit-io-when-using-asyncsession",
    "running-synchronous-methods-and-functions-under-asyncio",
    "using-events-with-the-asyncio-extension",
    "examples-of-event-listeners-with-async-engines-sessions-sessionmakers",
    "using-awaitable-only-driver-methods-in-connection-pool-and-other-events",
    "using-multiple-asyncio-event-loops",
    "using-asyncio-scoped-session",
    "using-the-inspector-to-inspect-schema-objects",
}


def test_every_link_is_well_formed_and_every_script_exists() -> None:
    assert [item.text for item in QUESTIONS if not LINK.fullmatch(item.link)] == []
    assert [item.text for item in ANSWERED if item.script not in SCRIPTS] == []


def test_texts_are_unique() -> None:
    texts = Counter(item.text for item in QUESTIONS)
    assert [text for text, count in texts.items() if count > 1] == []


def test_a_question_is_one_sentence() -> None:
    assert [
        item.text for item in QUESTIONS if not re.fullmatch(r"[^\n]{20,140}[.?]", item.text)
    ] == []


def test_at_least_95_of_100_public_questions_have_a_script() -> None:
    public = [item for item in QUESTIONS if item.subject not in {"Documentation", "Error messages"}]
    assert len(public) >= 100
    assert sum(item.script is not None for item in public) >= 0.95 * len(public)


def test_every_section_of_the_asyncio_page_is_covered() -> None:
    anchors = {item.link.partition(f"{PAGE}#")[2] for item in QUESTIONS if PAGE in item.link}
    assert SECTIONS - anchors == set()
    assert {name.partition("ext.asyncio.")[2].partition(".")[0] for name in anchors} >= {
        "AsyncEngine",
        "AsyncConnection",
        "AsyncResult",
        "AsyncSession",
        "AsyncSessionTransaction",
    }


def test_a_cure_is_one_to_three_short_lines() -> None:
    cures = questions.read_cure_lines()
    assert cures.keys() <= SCRIPTS.keys()
    assert [number for number, lines in cures.items() if len(lines) > 3] == []
    assert [line for lines in cures.values() for line in lines if len(line) > 96] == []


def test_a_cure_is_python() -> None:
    for lines in questions.read_cure_lines().values():
        before = ["try: pass"] if lines[0].startswith("except") else []
        after = ["        pass"] if re.search(r":(  #.*)?$", lines[-1]) else []
        ast.parse("\n    ".join(["async def cure():", *before, *lines, *after]))


def test_a_script_without_a_right_variant_has_a_cure_or_names_a_script_that_has_one() -> None:
    cure_lines = questions.read_cure_lines()
    without = [
        script.number
        for script in SCRIPTS.values()
        if not script.right_variants and script.number not in cure_lines
        if cure_lines.keys().isdisjoint(map(int, re.findall(r"\btest(\d+)\b", script.why)))
    ]
    assert without == []


def test_why_finds_at_least_90_of_100_scripts_by_words_and_by_errors() -> None:
    texts = [(item, text) for item in ANSWERED for text in (item.text, item.error) if text]
    missed = [
        (item.text, text)
        for item, text in texts
        if item.script not in find_answers(text)[0][:MAX_SCRIPTS]
    ]
    assert len(missed) <= 0.1 * len(texts), missed


def test_a_symptom_of_a_question_matches_its_error() -> None:
    pairs = [(item, item.symptom) for item in ANSWERED if item.symptom and item.error]
    matched = [
        item.text
        for item, symptom in pairs
        if symptom.places or PastedText(item.error).matching_parts(symptom)
    ]
    assert matched == [item.text for item, _ in pairs]


TABLE = {"subject": "Tests", "text": "Why one?", "link": "https://a.org/b"}


@pytest.mark.parametrize(
    "table",
    [
        TABLE,
        {**TABLE, "script": 1, "reason": "It is too much."},
        {**TABLE, "script": 1, "symptom": "no quotes"},
        {"text": TABLE["text"], "script": 1},
    ],
)
def test_a_question_with_wrong_fields_is_refused_with_its_text(table: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^Why one\?: "):
        questions._read_question(table)
