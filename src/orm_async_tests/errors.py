"""Defines the error that a user sees when a command cannot run. The module also defines the exit
codes of commands.
"""

import os
import re
import sys
from collections.abc import Callable
from importlib.metadata import requires
from pathlib import Path

NAME, SCRIPTS = "orm-async-tests", "scripts"  # the distribution, and its extra for the scripts
COULD_NOT_RUN = 2  # the exit code after CouldNotRun
INTERRUPTED = 130  # the exit code that shells use after Ctrl-C


class CouldNotRun(Exception):
    """Raised when a command cannot do its work.

    `problem` says what happened, `where` names the file, the variable or the option, and `remedy`
    says what to type next. The error's message has three lines: the problem, the place and the
    remedy. A command prints the message of a CouldNotRun on standard error, and exits with 2.
    """

    def __init__(self, problem: str, where: str, remedy: str) -> None:
        super().__init__(f"{problem}\n  where: {where}\n  type:  {remedy}")
        self.problem = problem
        self.where = where
        self.remedy = remedy


def install_extra(extra: str) -> str:
    """Return a command that installs an extra. In a checkout the command uses Poetry, and otherwise
    pip. The pip command also names the extra `scripts`, because no other extra works without this
    extra.
    """
    if (Path(__file__).parents[2] / "poetry.lock").exists():
        return "poetry install --all-extras"
    return f'pip install "{NAME}[{",".join(dict.fromkeys([SCRIPTS, extra]))}]"'


def name_missing_package(error: ModuleNotFoundError) -> CouldNotRun:
    """Return an error that says how to install a package of the extra `scripts`.

    If the missing module belongs to no package of this extra, raise the given error again.
    """
    package = (error.name or "").partition(".")[0]
    of_scripts = (text for text in requires(NAME) or [] if f'extra == "{SCRIPTS}"' in text)
    names = {re.split(r"[^\w-]", text)[0].replace("-", "_") for text in of_scripts}
    if package not in names:
        raise error
    problem = f"the package {package} is not installed"
    return CouldNotRun(problem, "this Python", install_extra(SCRIPTS))


def exit_code(command: Callable[[], int]) -> int:
    """Run a command and return its exit code. If the command raises CouldNotRun, print the error.

    If a package from the extra `scripts` is missing, print how to install it. End the command
    without a message if the user presses Ctrl-C, or if standard output is a closed pipe.
    """
    try:
        return command()
    except CouldNotRun as error:
        print(error, file=sys.stderr)
        return COULD_NOT_RUN
    except ModuleNotFoundError as error:
        print(name_missing_package(error), file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout at exit, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT_RUN


def require_writable(path: Path, option: str) -> None:
    """Raise CouldNotRun if a file cannot be written. The function does not create the file.

    A command calls require_writable() before it begins work that takes minutes. `option` is the
    command-line option that names the file.
    """
    try:
        if path.is_dir():
            raise _refusal("the path of the output file is a folder", path, option)
        if not path.parent.is_dir():
            raise _refusal(f"there is no folder {path.parent}", path, option)
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise _refusal("permission denied", path, option)
    except OSError as error:  # for example a name that is too long
        raise _refusal(error.strerror or str(error), path, option) from None


def write_file(path: Path, text: str, option: str) -> None:
    """Write a text to a file. Raise CouldNotRun, with the option's name, if the file cannot be
    written.
    """
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise _refusal(error.strerror or str(error), path, option) from None


def _refusal(why: str, path: Path, option: str) -> CouldNotRun:
    return CouldNotRun(
        f"the file cannot be written: {why}", str(path), f"{option} with a file that you can write"
    )
