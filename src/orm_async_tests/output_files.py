"""Writes output files, and checks in advance that it can write them."""

import errno
import os
import tempfile
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from orm_async_tests.errors import convert_os_errors

CANNOT_REPLACE = (errno.EACCES, errno.EPERM, errno.EBUSY)  # but the file itself may be writable


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
    data = text.encode()
    with _convert_os_errors(path, option):
        if path.is_file() and not path.is_symlink():  # a link may lead to an open file: /dev/stdout
            try:
                replace_file(path, data)
                return
            except OSError as error:
                if error.errno not in CANNOT_REPLACE:
                    raise
        path.write_bytes(data)


def replace_file(path: Path, data: bytes) -> None:
    """Replace a regular file in one step, so that a full disk or an interruption loses nothing."""
    with path.open("r+b"):  # raises an error if the file is read-only
        status = path.stat()
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        part = Path(file.name)
        try:
            file.write(data)
            file.flush()
            with suppress(PermissionError):  # only root may keep another owner
                os.chown(part, status.st_uid, status.st_gid)
            part.chmod(status.st_mode)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def create_folder(path: Path, option: str) -> None:
    """Create a folder for output files, and raise CouldNotRun if that fails."""
    remedy = f"use {option} with another folder"
    with convert_os_errors("the folder cannot be created", path, remedy):
        path.mkdir(parents=True, exist_ok=True)


def _convert_os_errors(path: Path, option: str) -> AbstractContextManager[None]:
    remedy = f"use {option} with a file that you can write"
    return convert_os_errors("the file cannot be written", path, remedy)
