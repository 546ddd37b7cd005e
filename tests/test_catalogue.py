"""The catalogue of scripts, and the list of scripts for newcomers."""

import ast
import re
from pathlib import Path

import pytest

from orm_async_tests import catalogue
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.script_code import find_variants


def test_the_learning_path_has_about_fifteen_scripts_with_a_lesson_each() -> None:
    path = catalogue.learning_path()
    assert 12 <= len(path) <= 18
    assert path[0][0].command == "test5"
    assert [lesson for _, lesson in path if not lesson.endswith(".")] == []


def test_a_script_has_its_right_variants() -> None:
    for script in catalogue.read_scripts():
        variants = find_variants(ast.parse(script.code))
        right = [(item.node.name, item.label) for item in variants if item.kind == "right"]
        assert [*script.right_variants] == right


@pytest.mark.parametrize(
    ("words", "numbers"), [(["5"], [5]), (["test5"], [5]), (["5-7"], [5, 6, 7])]
)
def test_words_select_scripts(words: list[str], numbers: list[int]) -> None:
    assert [script.number for script in catalogue.select(words)] == numbers


@pytest.mark.parametrize("word", ["", "x", "5-", "-5", "5-x", "4000", "7-5", "\u0665", "9" * 5000])
def test_a_word_that_names_no_script_is_refused(word: str) -> None:
    with pytest.raises(CouldNotRun):
        catalogue.select([word])


def test_a_range_is_refused_where_one_script_is_expected() -> None:
    assert catalogue.select_one("5").number == 5
    with pytest.raises(CouldNotRun, match="5-7 names 3 scripts"):
        catalogue.select_one("5-7")


def test_two_scripts_with_one_number_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pool/test005_one.py", "web/test005_another.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    monkeypatch.setattr(catalogue, "SCRIPTS", tmp_path)
    with pytest.raises(CouldNotRun, match="another script has this number"):
        catalogue.select(["5"])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("pool/test005.py", "", "name of a script.*testNNN_subject"),
        ("pools/test005_one.py", "", "no chapter 'pools'.*CHAPTERS"),
        ("pool/test005_one.py", "", "no line that begins with `Docs:`.*CONTRIBUTING"),
        ("pool/test005_one.py", '"""A.\n\nDocs: a\nSymptom: you get it.\n"""', "form of a symptom"),
    ],
)
def test_a_malformed_script_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, message: str
) -> None:
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.setattr(catalogue, "SCRIPTS", tmp_path)
    with pytest.raises(CouldNotRun) as refused:
        catalogue.read_scripts()
    assert re.search(message, str(refused.value), re.DOTALL)
    assert str(tmp_path / name) in str(refused.value)
