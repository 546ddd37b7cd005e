"""What a script lets its reader set on the command line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Option:
    """A `--name VALUE` of one script; variants and check ask for it by its name.

    parse turns the text into the value and raises ValueError if it cannot; default is such a text.
    """

    name: str
    parse: Callable[[str], Any]
    default: str
    help: str


def at_least(minimum: int) -> Callable[[str], int]:
    """A parse for whole numbers that are not smaller."""

    def number(text: str) -> int:
        if int(text) < minimum:
            raise ValueError(text)
        return int(text)

    return number
