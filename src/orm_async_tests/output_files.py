"""Writes output files, and checks in advance that it can write them."""

import os
from pathlib import Path

from orm_async_tests.errors import CouldNotRun


def require_writable(path: Path, option: str) -> None:
    """Raise CouldNotRun if a file cannot be written.

    Call `require_writable()` before work that takes minutes, so that an error comes early.
    """
    try:
        if path.is_dir():
            raise OSError("the path of the output file is a folder")
        if not path.parent.is_dir():
            raise OSError(f"there is no folder {path.parent}")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise OSError("permission denied")
    except OSError as error:  # also raised for a name that is too long
        raise _refusal(error, path, option) from None


def write_file(path: Path, text: str, option: str) -> None:
    """Write a text to a file, and raise CouldNotRun if that fails."""
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise _refusal(error, path, option) from None


def create_folder(path: Path, option: str) -> None:
    """Create a folder for output files, and raise CouldNotRun if that fails."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"the folder cannot be created: {error.strerror}"
        raise CouldNotRun(problem, str(path), f"use {option} with another folder") from None


def _refusal(error: OSError, path: Path, option: str) -> CouldNotRun:
    problem = f"the file cannot be written: {error.strerror or error}"
    return CouldNotRun(problem, str(path), f"use {option} with a file that you can write")
