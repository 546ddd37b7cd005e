"""Chooses the folders for the files and the sockets of the embedded server."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres.private_files import (
    OTHERS_WRITE,
    VARIABLE,
    check_folder,
    check_owner,
    refusal,
    refusals,
)

SOCKET_NAME = "/.s.PGSQL.5432"
SOCKET_PATH_MAX = 103  # bytes: macOS allows 104 with the final zero, Linux 108


def home(kind: Literal["cache", "data"] = "cache") -> Path:
    """Return the folder that contains the embedded server's files. `ORM_ASYNC_HOME` names the
    folder, and by default the folder is in your cache or data folder.

    If the default cache folder cannot be used, return a temporary folder. Raises CouldNotRun.
    """
    if value := os.environ.get(VARIABLE):
        return _prepare(Path(value).absolute())
    import platformdirs

    if kind == "data":
        return _prepare(platformdirs.user_data_path("orm_async_tests"))
    usual = platformdirs.user_cache_path("orm_async_tests")
    try:
        return _prepare(usual)
    except CouldNotRun as error:
        replacement = _short_folder("home", usual)
        print(f"db: {error.problem}, {usual}: using {replacement}", file=sys.stderr)
        return replacement


def socket_directory(data: Path, *, create: bool = True) -> Path:
    """Return the folder for the server's sockets, which is the data folder if possible.

    A socket's path must be short. A comma in the path is not allowed, because drivers split a list
    of hosts at commas. If the data folder's path is too long or contains a comma, return a private
    folder in the temporary directory. Raises CouldNotRun.
    """
    return data if _fits_socket(data) else _short_folder("socket", data, create=create)


@contextmanager
def temporary_folder(within: Path | None = None) -> Iterator[Path]:
    """Create a folder that only you can enter, for as long as the block runs."""
    place = within or _temporary_directory()
    with refusals(place):
        folder = tempfile.TemporaryDirectory(prefix="orm-async-", dir=place)
    with folder as name:
        yield Path(name)


def check_existing(folder: Path) -> Path:
    """Return the folder. Raise CouldNotRun if the folder exists and another user can enter it."""
    if os.path.lexists(folder):
        check_folder(folder)
    return folder


def _prepare(folder: Path) -> Path:
    _check_name(folder)
    check_folder(folder, OTHERS_WRITE, create=True)
    with refusals(folder):
        for path in folder.iterdir():
            with suppress(FileNotFoundError):  # another command may have deleted it just now
                check_owner(path, path.lstat(), forbidden=0)
        is_read_only = os.statvfs(folder).f_flag & os.ST_RDONLY or not os.access(folder, os.W_OK)
    if is_read_only:
        raise refusal(folder, "the folder is read-only")
    return folder


def _check_name(folder: Path) -> None:
    """Reject a folder whose name PostgreSQL could not print in its files and messages."""
    text = os.fsencode(folder).decode("utf-8", "backslashreplace")
    if text != str(folder) or not text.isprintable():
        reason = "the name of the folder contains bytes that are not printable UTF-8"
        raise refusal(Path(ascii(text)), reason)


def _fits_socket(folder: Path) -> bool:
    return "," not in str(folder) and len(os.fsencode(f"{folder}{SOCKET_NAME}")) <= SOCKET_PATH_MAX


def _temporary_directory() -> Path:
    with refusals(Path(os.environ.get("TMPDIR", "/tmp"))):
        return Path(tempfile.gettempdir())


def _short_folder(purpose: str, replaced: Path, *, create: bool = True) -> Path:
    digest = hashlib.sha256(os.fsencode(replaced)).hexdigest()[:12]
    name = f"orm-async-{os.geteuid()}-{purpose}-{digest}"
    folder = _temporary_directory() / name
    if purpose == "socket" and not _fits_socket(folder):
        folder = Path("/tmp") / name
    _check_name(folder)
    if create:
        check_folder(folder, create=True)
    return check_existing(folder)
