"""A text in the form of a help page declares the options of a command."""

import argparse
from pathlib import Path

import pytest

from orm_async_tests.command_options import CommandParser
from orm_async_tests.errors import CouldNotRun

TEXT = """
    NUMBER             a number
    [WORD...]          words that
        may be missing
    -v, --verbose...   a flag that counts
    --all              a flag, at 100% of the files
    --chapter NAME...  a value that may be repeated
    --since VERSION    a value
    --output FILE      a path (default: report.html)
    --format text|json  a choice (default: text)
    --jobs N           a number
    | --json           one of two
    | --markdown       the other one
    # axes: About the options below.
    --timeout SECONDS  a number in a group (default: 60)
"""


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    """Return a parser with the options that TEXT declares."""
    return CommandParser(TEXT, prog="command")


def test_options_have_the_defaults_of_their_help(parser: argparse.ArgumentParser) -> None:
    assert vars(parser.parse_args(["5"])) == {
        "number": "5",
        "words": [],
        "verbose": 0,
        "all": False,
        "chapter": [],
        "since": None,
        "output": Path("report.html"),
        "format": "text",
        "jobs": None,
        "json": False,
        "markdown": False,
        "timeout": 60,
    }


def test_options_are_parsed_as_their_forms_say(parser: argparse.ArgumentParser) -> None:
    words = "5 one two -vv --all --chapter a --chapter b --output x --format json --jobs 2 --json"
    arguments = parser.parse_args([*words.split(), "--timeout", "0.5"])
    assert (arguments.number, arguments.words) == ("5", ["one", "two"])
    assert (arguments.verbose, arguments.all, arguments.json) == (2, True, True)
    assert (arguments.chapter, arguments.output) == (["a", "b"], Path("x"))
    assert (arguments.format, arguments.jobs, arguments.timeout) == ("json", 2, 0.5)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "5 --json --markdown",
        "5 --format xml",
        *("5 --jobs 0", "5 --jobs two", "5 --jobs 1.5"),
        *("5 --timeout inf", "5 --timeout nan", "5 --timeout -1"),
    ],
)
def test_a_value_of_another_form_is_refused(words: str, parser: argparse.ArgumentParser) -> None:
    with pytest.raises(CouldNotRun) as refusal:
        parser.parse_args(words.split())
    assert refusal.value.remedy == f"see the options: {parser.prog} --help"


def test_the_help_shows_every_line_once(parser: argparse.ArgumentParser) -> None:
    shown = " ".join(parser.format_help().split())
    assert "words that may be missing" in shown
    assert "at 100% of the files" in shown
    assert "a value that may be repeated (repeatable)" in shown
    assert "axes: About the options below. --timeout SECONDS" in shown


def test_the_rest_of_the_command_line_may_contain_options() -> None:
    parser = CommandParser("\n    --db URL  a value\n    OPTION ...  the rest")
    arguments = parser.parse_args(["--db", "x", "upgrade", "--sql"])
    assert (arguments.db, arguments.options) == ("x", ["upgrade", "--sql"])
