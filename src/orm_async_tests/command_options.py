"""Declares command-line options from a text that looks like a help page.

A line of the text contains an argument, at least two spaces, and the argument's help. Long help
continues on the next line, which must not contain two adjacent spaces. The parser stores the words
of `[NUMBER...]` in the attribute `numbers`. The module command_options does not import SQLAlchemy,
so that `--help` stays fast.
"""

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from orm_async_tests.errors import CouldNotRun

# The forms of an argument are:
#
#     [NUMBER...]        words that may be missing; `NUMBER...` requires one word or more
#     OPTION ...         the rest of the command line
#     -v, --verbose...   a flag that a user may repeat; `--verbose` alone is True or False
#     --chapter NAME...  an option with a value; the dots mean that a user may repeat the option
#     --preset one|two   an option that accepts only these values (default: one)
#     | --json           an option that excludes the other options in neighboring lines with a bar
#     # axes: About...   the heading of the options below
OPTION_FORM = re.compile(  # flags, bracket, word and dots
    r"((?:-\w, )?--[\w-]+)? ?(\[)?([^\s.\]]*)( ?\.\.\.)?\]?"
)
CONTINUED = re.compile(r"\n +(?!# )(?!.*\S {2,}\S)(?=\S)")  # a line without a form
DEFAULT = re.compile(r"\(default: ([\w.]+)\)")

VIEWS = """
    --code        print the code of every variant, with the SQL, waits and errors of each line
    --timeline    draw when tasks and connections worked, and what they waited for
    --trace FILE  write what tasks and connections did into a file for https://ui.perfetto.dev
"""


class CommandParser(argparse.ArgumentParser):
    """A parser of the arguments that a text declares."""

    def __init__(self, text: str = "", **settings: Any) -> None:
        super().__init__(**settings)
        _add_options(self, text)

    def print_help(self, file: Any = None) -> None:
        print(self.format_help(), end="", file=file)  # argparse would ignore an error

    def parse_known_args(self, *arguments: Any, **settings: Any) -> Any:
        parsed, unknown = super().parse_known_args(*arguments, **settings)
        if unknown:  # argparse would let the parser of `orm-async-tests` refuse them
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, unknown

    def error(self, message: str) -> NoReturn:
        raise CouldNotRun(message, self.prog, f"see the options: {self.prog} --help")


def refuse_options(arguments: argparse.Namespace, beside: str, *names: str) -> None:
    """Raise CouldNotRun for options that have no effect beside an option, for example --json."""
    for name in names:
        if getattr(arguments, name):
            problem, remedy = f"--{name} has no effect beside {beside}", f"omit {beside}"
            raise CouldNotRun(problem, f"--{name}", f"{remedy}, or omit --{name}")


def _add_options(parser: CommandParser, text: str) -> None:
    target: Any = parser
    exclusive = None  # a group of options that exclude each other
    for line in CONTINUED.sub(" ", text).split("\n"):
        if line.strip().startswith("# "):
            target = parser.add_argument_group(*line.strip("# ").split(": ", maxsplit=1))
        elif line.strip():
            form, help_ = re.split(" {2,}", line.strip(), maxsplit=1)
            has_bar = form.startswith("| ")
            exclusive = (exclusive or target.add_mutually_exclusive_group()) if has_bar else None
            _add_argument(exclusive or target, form.removeprefix("| "), help_)


def _add_argument(target: Any, form: str, help_: str) -> None:
    match = OPTION_FORM.fullmatch(form)
    assert match, form
    flags, bracket, metavar, dots = match.groups()
    settings: dict[str, Any] = {"help": help_.replace("%", "%%")}
    if default := DEFAULT.search(help_):
        settings["default"] = default[1]
    if "|" in metavar:
        settings["choices"] = metavar.split("|")
    elif metavar:
        settings |= {"metavar": metavar, "type": TYPES.get(metavar, str)}
    if flags and not metavar:
        settings |= {"action": "count", "default": 0} if dots else {"action": "store_true"}
    elif flags and dots:
        settings |= {"action": "append", "default": [], "help": f"{help_} (repeatable)"}
    elif not flags:
        nargs = {"[": "?", "[...": "*", "...": "+", " ...": argparse.REMAINDER}
        settings["nargs"] = nargs.get(f"{bracket or ''}{dots or ''}")
    names = flags.split(", ") if flags else [metavar.lower() + "s" * bool(dots)]
    target.add_argument(*names, **settings)


def _positive(kind: type[int] | type[float], example: str) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = 0
        if not 0 < number < math.inf:
            raise argparse.ArgumentTypeError(f"invalid number {text!r}: type for example {example}")
        return number

    return parse


def _not_empty(text: str) -> str:
    if not text:  # for example an unset variable of the shell
        raise argparse.ArgumentTypeError("the value is empty")
    return text


TYPES: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("FILE", "FOLDER", "BEFORE", "AFTER", "RESULT"), Path),
    **dict.fromkeys(("TOKEN", "SQL", "VERSION", "VALUE", "NEED"), _not_empty),
    "N": _positive(int, "2"),
    "COUNT": _positive(int, "100"),
    "PORT": int,
    "SECONDS": _positive(float, "60"),
}
