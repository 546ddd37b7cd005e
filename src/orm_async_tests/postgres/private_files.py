"""Refuses folders and files that another user of the machine could have prepared or replaced.

Checks a path step by step, beginning at the root folder. No other user can replace an entry of a
checked folder, so the check stays true.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from orm_async_tests.errors import CouldNotRun

VARIABLE = "ORM_ASYNC_HOME"
OTHERS_WRITE, OTHERS_ENTER = 0o022, 0o077  # mode bits that the group and other users must not have


def check_folder(path: Path, forbidden: int = OTHERS_ENTER, *, create: bool = False) -> None:
    """Check that a folder belongs to you, and that its mode has none of the bits in `forbidden`.

    If `create` is true, create the missing folders of the path. Only you can enter a folder that
    this function creates. Raise CouldNotRun if another user could replace a folder of the path.
    """
    with refusals(path):
        _check_links(path, path.absolute())
        real = Path(os.path.realpath(path))
        for folder in [*reversed(real.parents), real]:
            if create:
                folder.mkdir(0o700, exist_ok=True)
            status = folder.lstat()
            if folder != real:
                _check_parent(path, status)
    if not stat.S_ISDIR(status.st_mode):
        raise refusal(path, "the path is not a folder")
    check_owner(path, status, forbidden)


@contextmanager
def open_file(path: Path, flags: int, forbidden: int = OTHERS_WRITE) -> Iterator[int]:
    """Open a regular file, and yield its descriptor. The file and its folder must belong to you.

    If the file does not exist, create it with the mode 0600. Raises CouldNotRun.
    """
    check_folder(path.parent, OTHERS_WRITE)
    with refusals(path):
        check_entry(path, forbidden)
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def check_entry(path: Path, forbidden: int = OTHERS_WRITE) -> None:
    """Raise CouldNotRun if an entry of a checked folder is a link, is a special file, or belongs to
    another user.
    """
    with suppress(FileNotFoundError):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise refusal(path, "the path is a symbolic link", f"rm {path}")
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise refusal(path, "the path is not a regular file", f"rm -r {path}")
        if stat.S_ISREG(status.st_mode) and status.st_nlink != 1:
            raise refusal(path, "the path is a hard link to a file elsewhere", f"rm {path}")
        check_owner(path, status, forbidden)


def check_owner(path: Path, status: os.stat_result, forbidden: int) -> None:
    if status.st_uid != os.geteuid():
        owner = f"the path belongs to the user with the ID {status.st_uid}"
        raise refusal(path, f"{owner}, and your user ID is {os.geteuid()}")
    if status.st_mode & forbidden:
        verb = "write to" if status.st_mode & OTHERS_WRITE else "read"
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        raise refusal(path, f"other users may {verb} it (mode {mode})", f"chmod go= {path}")


def refusal(path: Path, reason: str, remedy: str = "") -> CouldNotRun:
    remedies = [remedy, f"{VARIABLE}=/a/folder/of/yours", "or DATABASE_URL=postgresql://..."]
    problem = f"the embedded server does not use this path: {reason}"
    return CouldNotRun(problem, str(path), ", ".join(filter(None, remedies)))


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """If the block raises an OSError, raise a CouldNotRun that names the path instead."""
    try:
        yield
    except OSError as error:
        raise refusal(path, (error.strerror or str(error)).lower()) from None


def _check_links(path: Path, entry: Path) -> None:
    """Raise CouldNotRun if another user controls a symbolic link through which `entry` leads."""
    with suppress(FileNotFoundError):
        entry.stat()  # raises OSError if links lead to each other in a circle
    for place in reversed([entry, *entry.parents]):
        if place.is_symlink():
            if (owner := place.lstat().st_uid) not in _trusted():
                reason = f"the user with the ID {owner} controls the symbolic link {place.name}"
                raise refusal(path, f"{reason} on the path")
            _check_links(path, Path(os.path.realpath(place.parent), place.readlink()))


def _check_parent(path: Path, status: os.stat_result) -> None:
    """Raise CouldNotRun if another user could replace files in this folder of the path."""
    if status.st_uid not in _trusted():
        raise refusal(path, f"a folder on it belongs to the user with the ID {status.st_uid}")
    shared = status.st_mode & 0o002 or (status.st_mode & 0o020 and status.st_gid != os.getegid())
    if shared and not status.st_mode & stat.S_ISVTX:
        raise refusal(path, "other users may write to a folder on the path")


@cache
def _trusted() -> set[int]:
    """Return the IDs of you, of root, and of the owner of `/`."""
    return {0, os.geteuid(), Path("/").stat().st_uid}
