"""Runs a command, and turns its errors into messages and exit codes."""

import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from orm_async_tests.errors import CouldNotRun, convert_os_errors
from orm_async_tests.extras import explain_error

COULD_NOT_RUN = 2  # the exit code after CouldNotRun
INTERRUPTED = 130  # the exit code that shells use after Ctrl-C


def run_command(command: Callable[[], int]) -> int:
    """Run a command and return its exit code.

    If the command raises CouldNotRun, print the error's message instead of a traceback.
    """
    _open_closed_streams()
    try:
        with convert_os_errors("the current folder was deleted", "this shell", "cd /a/folder"):
            Path.cwd()
        try:
            return command()
        finally:
            print(end="", flush=True)  # an error would otherwise come when the interpreter exits
    except (CouldNotRun, ImportError, SyntaxError) as error:
        _print_error(explain_error(error))
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
        _print_error(CouldNotRun(problem, "standard output", remedy))
    # The interpreter flushes stdout at exit, which would fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return COULD_NOT_RUN


def _open_closed_streams() -> None:
    """Replace the standard streams that the shell has closed, for example with `>&-`."""
    sys.stdin = sys.stdin or io.TextIOWrapper(io.BytesIO())
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):  # the encoding may lack a character
        sys.stdout.reconfigure(errors="backslashreplace")


def _print_error(error: CouldNotRun) -> None:
    with suppress(OSError):  # the exit code says the rest
        print(error, file=sys.stderr)


def _can_print() -> bool:
    """Return whether stdout is open. After an error, try to print an empty line."""
    try:
        print(flush=True)
    except OSError:
        return False
    return True
