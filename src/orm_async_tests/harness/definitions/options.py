"""Options that a script adds to its command line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Option:
    """An option `--name VALUE` of one script; variants and check name it as a parameter.

    `parse` converts the text to the value, or raises ValueError. `default` is such a text.
    """

    name: str
    parse: Callable[[str], Any]
    default: str
    help: str


def at_least(minimum: int) -> Callable[[str], int]:
    """Return a parser for whole numbers that are not below the minimum."""

    def number(text: str) -> int:
        if int(text) < minimum:
            raise ValueError(text)
        return int(text)

    return number
