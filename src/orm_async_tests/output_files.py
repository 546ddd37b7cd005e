"""Writes output files, and checks in advance that it can write them."""

import os
from contextlib import AbstractContextManager
from pathlib import Path

from orm_async_tests.errors import convert_os_errors


def require_writable(path: Path, option: str) -> None:
    """Raise CouldNotRun if a file cannot be written.

    Call `require_writable()` before work that takes minutes, so that an error comes early.
    """
    with _convert_os_errors(path, option):  # a name that is too long also causes an OSError
        if path.is_dir():
            raise OSError("the path of the output file is a folder")
        if not path.parent.is_dir():
            raise OSError(f"there is no folder {path.parent}")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise OSError("permission denied")


def write_file(path: Path, text: str, option: str) -> None:
    """Write a text to a file, and raise CouldNotRun if that fails."""
    with _convert_os_errors(path, option):
        path.write_text(text, "utf-8")


def create_folder(path: Path, option: str) -> None:
    """Create a folder for output files, and raise CouldNotRun if that fails."""
    remedy = f"use {option} with another folder"
    with convert_os_errors("the folder cannot be created", path, remedy):
        path.mkdir(parents=True, exist_ok=True)


def _convert_os_errors(path: Path, option: str) -> AbstractContextManager[None]:
    remedy = f"use {option} with a file that you can write"
    return convert_os_errors("the file cannot be written", path, remedy)
