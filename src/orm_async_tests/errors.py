"""The error that a user sees when a command cannot run, and the exit codes of commands."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

COULD_NOT_RUN = 2  # the exit code after CouldNotRun
INTERRUPTED = 130  # the exit code that shells use after Ctrl-C


class CouldNotRun(Exception):
    """Raised when a command cannot do its work.

    `problem` says what happened, `where` names the file, variable or option, and `remedy` says what
    to type next. The message has these three parts, one to a line. Commands print it on standard
    error and exit with 2.
    """

    def __init__(self, problem: str, where: str, remedy: str) -> None:
        super().__init__(f"{problem}\n  where: {where}\n  type:  {remedy}")
        self.problem = problem
        self.where = where
        self.remedy = remedy


def install_extra(extra: str) -> str:
    """Return the command that installs an extra of this package: Poetry's in a checkout, or pip's.

    pip takes the extra from the installed package, so that the package need not be on an index.
    """
    if (Path(__file__).parents[2] / "poetry.lock").exists():
        return "poetry install --all-extras"
    return f'pip install "orm-async-tests[{extra}]"'


def exit_code(command: Callable[[], int]) -> int:
    """Run a command and return its exit code. Print CouldNotRun instead of raising it.

    Ctrl-C, and a closed pipe at standard output, end the command without a message.
    """
    try:
        return command()
    except CouldNotRun as error:
        print(error, file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout at exit, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT_RUN
