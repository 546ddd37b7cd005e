"""The error a user sees when a command cannot run, with what to type next."""

import os
import sys
from collections.abc import Callable

COULD_NOT_RUN = 2  # the exit code that goes with it
INTERRUPTED = 130  # as shells say of Ctrl-C


class CouldNotRun(Exception):
    """A command could not do its work: what happened, where, and what to type next.

    The message is these three parts, one to a line; commands print it and exit with 2.
    """

    def __init__(self, what: str, where: str, remedy: str) -> None:
        super().__init__(f"{what}\n  where: {where}\n  type:  {remedy}")
        self.what = what
        self.where = where
        self.remedy = remedy


def exit_code(command: Callable[[], int]) -> int:
    """The exit code of a command, whose errors for people are printed and not raised.

    Ctrl-C, and a reader of the output that has gone, end it silently.
    """
    try:
        return command()
    except CouldNotRun as error:
        print(error, file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        return COULD_NOT_RUN
