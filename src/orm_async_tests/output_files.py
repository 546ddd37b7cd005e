"""Files that a command writes: refused before the work if they cannot be written."""

import os
from pathlib import Path

from orm_async_tests.errors import CouldNotRun


def require_writable(path: Path, option: str) -> None:
    """Raise CouldNotRun if a file cannot be written, without creating it.

    Commands call require_writable() before they work for minutes. `option` is the option that names
    the file.
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


def write(path: Path, text: str, option: str) -> None:
    """Write a text to a file. Raises CouldNotRun, which names the option, if writing fails."""
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise _refusal(error.strerror or str(error), path, option) from None


def _refusal(why: str, path: Path, option: str) -> CouldNotRun:
    return CouldNotRun(
        f"the file cannot be written: {why}", str(path), f"{option} with a file that you can write"
    )
