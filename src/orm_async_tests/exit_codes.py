"""Runs a command, and turns its errors into messages and exit codes."""

import io
import os
import sys
from collections.abc import Callable

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.extras import name_missing_package

COULD_NOT_RUN = 2  # the exit code after CouldNotRun
INTERRUPTED = 130  # the exit code that shells use after Ctrl-C


def run_command(command: Callable[[], int]) -> int:
    """Run a command and return its exit code.

    If the command raises CouldNotRun, print the error's message instead of a traceback.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # the encoding may lack a character
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return command()
    except (CouldNotRun, ModuleNotFoundError) as error:
        refusal = error if isinstance(error, CouldNotRun) else name_missing_package(error)
        print(refusal, file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout at exit, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT_RUN
