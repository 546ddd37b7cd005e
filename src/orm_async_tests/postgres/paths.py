"""Chooses the folders for the files and the sockets of the embedded server.

The module refuses folders and files that another user could have prepared or replaced. The module
checks every folder of a path, beginning at the root folder. Nobody else can replace an entry of a
checked folder, so the result of the check stays valid.
"""

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Literal

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres.supervisor import SOCKET

HOME_VARIABLE = "ORM_ASYNC_HOME"
OTHERS_WRITE, OTHERS_ENTER = 0o022, 0o077  # mode bits that the group and other users must not have
SOCKET_PATH_MAX = 103  # bytes: macOS allows 104 with the final zero, Linux 108


def home(kind: Literal["cache", "data"] = "cache") -> Path:
    """Return the folder of the embedded server's files. Raises CouldNotRun.

    Set ORM_ASYNC_HOME to choose the folder of the server's files. By default, the files are in your
    cache folder or your data folder. A temporary folder replaces an unusable cache folder.
    """
    if value := os.environ.get(HOME_VARIABLE):
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
    """Return the folder for the server's sockets, usually the data folder. Raises CouldNotRun.

    Return a temporary folder if the path of a socket would be too long or contain a comma.
    """
    return data if _fits_socket(data) else _short_folder("socket", data, create=create)


@contextmanager
def temporary_folder(within: Path | None = None) -> Iterator[Path]:
    """Create a private folder, and delete it at the end of the `with` block."""
    place = within or _temporary_directory()
    with translate_errors(place):
        folder = tempfile.TemporaryDirectory(prefix="orm-async-", dir=place)
    with folder as name:
        yield Path(name)


def check_existing(folder: Path) -> Path:
    """Check a folder if it exists, and return its path. Raises CouldNotRun."""
    if os.path.lexists(folder):
        check_folder(folder)
    return folder


def _prepare(folder: Path) -> Path:
    _check_name(folder)
    check_folder(folder, OTHERS_WRITE, create=True)
    with translate_errors(folder):
        for path in folder.iterdir():
            with suppress(FileNotFoundError):  # another command may have deleted it just now
                check_owner(path, path.lstat(), forbidden=0)
        is_read_only = os.statvfs(folder).f_flag & os.ST_RDONLY or not os.access(folder, os.W_OK)
    if is_read_only:
        raise refusal(folder, "the folder is read-only")
    return folder


def _check_name(folder: Path) -> None:
    """Reject a name that is not printable UTF-8, because PostgreSQL writes the name to files."""
    text = os.fsencode(folder).decode("utf-8", "backslashreplace")
    if text != str(folder) or not text.isprintable():
        reason = "the name of the folder contains bytes that are not printable UTF-8"
        raise refusal(Path(ascii(text)), reason)


def _fits_socket(folder: Path) -> bool:
    # Drivers split a list of hosts at commas.
    return "," not in str(folder) and len(os.fsencode(f"{folder}/{SOCKET}")) <= SOCKET_PATH_MAX


def _temporary_directory() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        reason = "no temporary file can be written"
        raise refusal(Path(os.environ.get("TMPDIR", "/tmp")), reason, "TMPDIR=/a/folder") from error


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


def check_folder(path: Path, forbidden: int = OTHERS_ENTER, *, create: bool = False) -> None:
    """Raise CouldNotRun if another user could control a folder or its parents.

    The mode of the folder must contain no bit of `forbidden`. If `create` is true, create missing
    folders with the mode 0700.
    """
    with translate_errors(path):
        _check_links(path, path.absolute())
        real = Path(os.path.realpath(path))
        for folder in reversed(real.parents):
            if create:
                folder.mkdir(0o700, exist_ok=True)
            _check_parent(path, folder.lstat())
        if create:
            real.mkdir(0o700, exist_ok=True)
        status = real.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise refusal(path, "the path is not a folder")
        check_owner(path, status, forbidden)


@contextmanager
def open_file(
    path: Path, flags: int = os.O_RDWR | os.O_CREAT, forbidden: int = OTHERS_WRITE
) -> Iterator[int]:
    """Open a regular file, and yield its descriptor. Raises CouldNotRun.

    The file and its folder must belong to you. A missing file is created with the mode 0600.
    """
    check_folder(path.parent, OTHERS_WRITE)
    with translate_errors(path):
        check_entry(path, forbidden)
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def check_entry(path: Path, forbidden: int = OTHERS_WRITE) -> None:
    """Raise CouldNotRun for a link, a special file or another user's file."""
    with suppress(FileNotFoundError):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise refusal(path, "the path is a symbolic link", f"rm {path}")
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise refusal(path, "the path is neither a regular file nor a folder", f"rm -r {path}")
        if stat.S_ISREG(status.st_mode) and status.st_nlink != 1:
            raise refusal(path, "the file has more than one hard link", f"rm {path}")
        check_owner(path, status, forbidden)


def check_owner(path: Path, status: os.stat_result, forbidden: int) -> None:
    if status.st_uid != os.geteuid():
        owner = f"the path belongs to the user with the ID {status.st_uid}"
        raise refusal(path, f"{owner}, and your user ID is {os.geteuid()}")
    if status.st_mode & forbidden:
        verb = "write to" if status.st_mode & OTHERS_WRITE else "read"
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        raise refusal(
            path,
            f"other users may {verb} the path (mode {mode})",
            f"run chmod go= {path}",
        )


def refusal(path: Path, reason: str, remedy: str = "") -> CouldNotRun:
    usual = f"set {HOME_VARIABLE}=/a/folder/of/yours, or set DATABASE_URL=postgresql://..."
    problem = f"the embedded server does not use this path: {reason}"
    return CouldNotRun(problem, str(path), f"{remedy}, {usual}" if remedy else usual)


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Convert an OSError in the `with` block to a CouldNotRun about the path."""
    try:
        yield
    except OSError as error:
        raise refusal(path, (error.strerror or str(error)).lower()) from None


def _check_links(path: Path, entry: Path) -> None:
    """Raise CouldNotRun if the path contains a symbolic link of another user."""
    with suppress(FileNotFoundError):
        entry.stat()  # raises OSError if links lead to each other in a circle
    for place in reversed([entry, *entry.parents]):
        if place.is_symlink():
            if (owner := place.lstat().st_uid) not in _trusted():
                reason = f"the user with the ID {owner} controls the symbolic link {place.name}"
                raise refusal(path, f"{reason} on the path")
            _check_links(path, Path(os.path.realpath(place.parent), place.readlink()))


def _check_parent(path: Path, status: os.stat_result) -> None:
    """Raise CouldNotRun if another user could replace files in a parent folder."""
    if status.st_uid not in _trusted():
        raise refusal(
            path, f"a parent folder of the path belongs to the user with the ID {status.st_uid}"
        )
    shared = status.st_mode & 0o002 or (status.st_mode & 0o020 and status.st_gid != os.getegid())
    if shared and not status.st_mode & stat.S_ISVTX:
        raise refusal(path, "other users may write to a parent folder of the path")


@cache
def _trusted() -> set[int]:
    """Return the IDs of the trusted users: you, root, and the owner of the folder `/`."""
    return {0, os.geteuid(), Path("/").stat().st_uid}
