"""Refuses folders and files that another user of the machine could have prepared or replaced.

Checks a path step by step, beginning at the root folder. No other user can replace an entry of a
checked folder, so the check stays true.
"""

import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from orm_async_tests.errors import CouldNotRun

VARIABLE = "ORM_ASYNC_HOME"
OTHERS_WRITE, OTHERS_ENTER = 0o022, 0o077  # mode bits that the group and other users must not have
LINKS = 40  # symbolic links on one path, as many as Linux follows


def check_folder(path: Path, forbidden: int = OTHERS_ENTER, *, create: bool = False) -> None:
    """Check that a folder belongs to you, and that its mode has none of the bits in `forbidden`.

    If `create` is true, create the missing folders of the path. Only you can enter a folder that
    this function creates. Raise CouldNotRun if a check or a system call fails. Raise CouldNotRun if
    another user could replace a folder of the path.
    """
    with refusals(path):
        folder, names, links = Path("/"), [*reversed(path.absolute().parts[1:])], 0
        while names:
            _check_step(path, folder.lstat())
            entry = folder / names.pop()
            if create and not os.path.lexists(entry):
                entry.mkdir(0o700, exist_ok=True)
            status = entry.lstat()
            if not stat.S_ISLNK(status.st_mode):
                folder = entry
                continue
            links += 1
            if status.st_uid not in _trusted():
                reason = f"{_user(status.st_uid)} has made a symbolic link on it, {entry.name}"
                raise refusal(path, reason)
            if links > LINKS:
                raise refusal(path, "the path has too many symbolic links")
            target = entry.readlink()
            names += reversed(target.parts[target.is_absolute() :])
            folder = Path("/") if target.is_absolute() else folder
        status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise refusal(path, "the path is not a folder")
    check_owner(path, status, forbidden)


@contextmanager
def open_file(path: Path, flags: int, forbidden: int = OTHERS_WRITE) -> Iterator[int]:
    """Open a regular file, and yield its descriptor. The file and its folder must belong to you.

    If the file does not exist, create it with the mode 0600. Reject symbolic links, hard links and
    pipes. A file is also rejected if `forbidden` contains one of its permission bits. Raises
    CouldNotRun.
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

    A path that does not exist raises no error.
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
    """Raise CouldNotRun if the path is not yours, or if it has a permission bit in `forbidden`."""
    if status.st_uid != os.geteuid():
        you = _user(os.geteuid())
        raise refusal(path, f"it belongs to {_user(status.st_uid)}, and you are {you}")
    if status.st_mode & forbidden:
        verb = "write to" if status.st_mode & OTHERS_WRITE else "read"
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        raise refusal(path, f"other users may {verb} it (mode {mode})", f"chmod go= {path}")


def refusal(path: Path, reason: str, remedy: str = "") -> CouldNotRun:
    """Return an error that says why the embedded server does not use a path."""
    elsewhere = f"{VARIABLE}=/a/folder/of/yours, or DATABASE_URL=postgresql://..."
    return CouldNotRun(
        f"the embedded server does not use this path: {reason}",
        str(path),
        f"{remedy}, or {elsewhere}" if remedy else elsewhere,
    )


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """If the block raises an OSError, raise a CouldNotRun that names the path instead."""
    try:
        yield
    except OSError as error:
        raise refusal(path, (error.strerror or str(error)).lower()) from None


def _check_step(path: Path, status: os.stat_result) -> None:
    """Raise CouldNotRun if another user could replace files in this folder."""
    if status.st_uid not in _trusted():
        raise refusal(path, f"a folder on it belongs to {_user(status.st_uid)}")
    shared = status.st_mode & 0o002 or (status.st_mode & 0o020 and status.st_gid != os.getegid())
    if shared and not status.st_mode & stat.S_ISVTX:
        raise refusal(path, "other users may write to a folder on the path")


@cache
def _trusted() -> set[int]:
    """Return the users who may own the folders above your folder. The trusted users are you, root,
    and the owner of `/`.
    """
    return {0, os.geteuid(), Path("/").stat().st_uid}


def _user(uid: int) -> str:
    with suppress(KeyError):
        return f"user {pwd.getpwuid(uid).pw_name}"
    return f"user {uid}"
