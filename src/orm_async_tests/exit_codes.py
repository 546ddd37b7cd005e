"""Runs a command, and turns its errors into messages and exit codes."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

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
    sys.stdin = sys.stdin or io.TextIOWrapper(io.BytesIO())  # the shell's `<&-` closes stdin
    try:
        _require_current_folder()
        code = command()
        print(end="", flush=True)  # an error would otherwise come when the interpreter exits
        return code
    except (CouldNotRun, ImportError) as error:
        refusal = error if isinstance(error, CouldNotRun) else name_missing_package(error)
        print(refusal, file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        pass
    except OSError as error:
        if _can_print():
            raise
        problem = f"standard output cannot be written: {error.strerror}"
        remedy = "free some space, or send the output to another file"
        print(CouldNotRun(problem, "standard output", remedy), file=sys.stderr)
    # The interpreter flushes stdout at exit, which would fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return COULD_NOT_RUN


def _require_current_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        problem, remedy = "the current folder was deleted", "change to another folder"
        raise CouldNotRun(problem, "this shell", remedy) from None


def _can_print() -> bool:
    """Return whether stdout can be written. After an error, print an empty line to find out."""
    try:
        print(flush=True)
    except OSError:
        return False
    return True
