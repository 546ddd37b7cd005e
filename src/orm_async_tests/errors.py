"""Defines the error that a user sees when a command cannot run, and the commands' exit codes."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

NAME, SCRIPTS = "orm-async-tests", "scripts"  # the distribution, and its extra for the scripts
COULD_NOT_RUN = 2  # the exit code after CouldNotRun
INTERRUPTED = 130  # the exit code that shells use after Ctrl-C


class CouldNotRun(Exception):
    """Raised when a command cannot do its work.

    The attribute `problem` says what happened, `where` names the file, the variable or the option,
    and `remedy` says how to continue. The error's message shows the attributes `problem`, `where`
    and `remedy` on separate lines. A command that cannot do its work prints the error's message on
    standard error, and exits with 2.
    """

    def __init__(self, problem: str, where: str, remedy: str) -> None:
        super().__init__(f"{problem}\n  where: {where}\n  fix:   {remedy}")
        self.problem = problem
        self.where = where
        self.remedy = remedy


def install_extra(extra: str) -> str:
    """Return a command that installs an extra: with Poetry in a checkout, and otherwise with pip.

    The command for pip also installs the extra `scripts`, because the other extras need it.
    """
    if (Path(__file__).parents[2] / "poetry.lock").exists():
        return "poetry install --all-extras"
    return f'pip install "{NAME}[{",".join(dict.fromkeys([SCRIPTS, extra]))}]"'


def name_missing_package(error: ModuleNotFoundError) -> CouldNotRun:
    """Return an error that says how to install the missing package.

    If no extra of this project contains the package, raise the given error again.
    """
    from importlib.metadata import requires  # takes a third of the time of a short command

    package = (error.name or "").partition(".")[0]
    for text in requires(NAME) or []:
        extra = re.search(r'extra == "(\w+)"', text)
        if extra and re.split(r"[^\w-]", text)[0].replace("-", "_") == package:
            problem = f"the package {package} is not installed"
            return CouldNotRun(problem, "this Python", install_extra(extra[1]))
    raise error


def exit_code(command: Callable[[], int]) -> int:
    """Run a command and return its exit code. If the command raises CouldNotRun or lacks a package,
    print an error message.

    The command ends silently if the user presses Ctrl-C, or if standard output is a closed pipe.
    """
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


def require_writable(path: Path, option: str) -> None:
    """Check whether a file can be written, but do not create the file. Raise CouldNotRun if the
    file cannot be written.

    Call `require_writable()` before work that takes minutes, so that the user learns at once that
    the output file cannot be written.
    """
    try:
        if path.is_dir():
            raise OSError("the path of the output file is a folder")
        if not path.parent.is_dir():
            raise OSError(f"there is no folder {path.parent}")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise OSError("permission denied")
    except OSError as error:  # also for example for a name that is too long
        raise _refusal(error, path, option) from None


def write_file(path: Path, text: str, option: str) -> None:
    """Write a text to the file that an option names, or raise CouldNotRun if this is impossible."""
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise _refusal(error, path, option) from None


def _refusal(error: OSError, path: Path, option: str) -> CouldNotRun:
    problem = f"the file cannot be written: {error.strerror or error}"
    return CouldNotRun(problem, str(path), f"use {option} with a file that you can write")
