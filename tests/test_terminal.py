"""Code on a terminal is complete, and readable on every background."""

import io
import re
import sys
from collections.abc import Callable

import pytest

from orm_async_tests import catalogue, terminal

ESCAPE = re.compile(r"\x1b\[([\d;]*)m")
BACKGROUND = re.compile(r"(?:^|;)(?:4[0-8]|10[0-7])(?:;|$)")
OWN_COLOR = re.compile(r"(?:^|;)38(?:;|$)")  # 38;2;r;g;b or 38;5;n, which the terminal cannot adapt


class Terminal(io.StringIO):
    """Standard output that claims to be a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Return a function that prints Python code on a terminal of 80 columns."""

    def print_code(source: str) -> str:
        screen = Terminal()
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setattr(sys, "stdout", screen)
        terminal.print_python(source)
        return screen.getvalue()

    return print_code


@pytest.mark.parametrize("number", ["5", "72"])
def test_no_code_is_cut(number: str, printed: Callable[[str], str]) -> None:
    source = catalogue.select_one(number).path.read_text("utf-8")
    assert ESCAPE.sub("", printed(source)).rstrip("\n") == source.rstrip("\n")


def test_the_colors_are_the_terminals_own_without_a_background(
    printed: Callable[[str], str],
) -> None:
    styles = ESCAPE.findall(printed(catalogue.select_one("5").path.read_text("utf-8")))
    assert len(styles) > 100
    assert [style for style in styles if BACKGROUND.search(style) or OWN_COLOR.search(style)] == []
