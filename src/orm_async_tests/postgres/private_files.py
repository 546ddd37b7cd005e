"""Open folders and files only if no other user of the machine could prepare or exchange them.

A path is followed one name at a time, relative to a descriptor of the folder above it. The folder
that was checked is therefore the folder that is used, whatever is renamed in the meantime.
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
# Only Linux has O_PATH, which also opens a folder that may be passed through but not listed.
FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
LINKS = 40  # symbolic links on one path, as many as Linux follows


@contextmanager
def open_folder(
    path: Path, forbidden: int = OTHERS_ENTER, *, create: bool = False
) -> Iterator[int]:
    """Open a folder that belongs to you and yield its descriptor.

    `forbidden` has the mode bits that the folder must not have. With `create`, missing folders on
    the path are created for you alone. Raises CouldNotRun if another user can exchange, write to,
    or (by `forbidden`) enter the folder, or if the system refuses.
    """
    with refusals(path):
        descriptor = _follow(path, create)
    try:
        check_owner(path, os.fstat(descriptor), forbidden)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def open_file(path: Path, flags: int, forbidden: int = OTHERS_WRITE) -> Iterator[int]:
    """Open a regular file that belongs to you, in a folder of yours, and yield its descriptor.

    A new file has mode 0600. Symbolic links, hard links and pipes are refused, and so are modes
    with the bits of `forbidden`. Raises CouldNotRun.
    """
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    with open_folder(path.parent, OTHERS_WRITE) as folder, refusals(path):
        check_entry(path, folder, forbidden)
        descriptor = os.open(path.name, flags, 0o600, dir_fd=folder)
    try:
        check_kind(path, os.fstat(descriptor))
        check_owner(path, os.fstat(descriptor), forbidden)
        yield descriptor
    finally:
        os.close(descriptor)


def check_entry(path: Path, folder: int, forbidden: int = OTHERS_WRITE) -> None:
    """Raise CouldNotRun if the path is a link, a special file, or another user's.

    `folder` is a descriptor of the folder that contains the path. A path that does not exist is
    fine.
    """
    with suppress(FileNotFoundError):
        status = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            check_kind(path, status)
        check_owner(path, status, forbidden)


def check_kind(path: Path, status: os.stat_result) -> None:
    """Raise CouldNotRun if the path is not a regular file, or the file has a second name."""
    if stat.S_ISLNK(status.st_mode):
        raise refusal(path, "it is a symbolic link", f"rm {path}")
    if not stat.S_ISREG(status.st_mode):
        raise refusal(path, "it is not a regular file", f"rm -r {path}")
    if status.st_nlink != 1:
        raise refusal(path, "it is a hard link to a file elsewhere", f"rm {path}")


def refusal(path: Path, reason: str, remedy: str = "") -> CouldNotRun:
    """Return the error that the embedded server does not use a path, with the reason."""
    elsewhere = f"{VARIABLE}=/a/folder/of/yours, or DATABASE_URL=postgresql://..."
    return CouldNotRun(
        f"the embedded server does not use this path: {reason}",
        str(path),
        f"{remedy}, or {elsewhere}" if remedy else elsewhere,
    )


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn an OSError in the block into the CouldNotRun for this path."""
    try:
        yield
    except OSError as error:
        raise refusal(path, (error.strerror or str(error)).lower()) from None


def _follow(path: Path, create: bool) -> int:
    """Open the folder at a path step by step, and return its descriptor.

    Raises CouldNotRun if another user could exchange a step of the path.
    """
    descriptor, names, links = os.open("/", FOLDER), [*reversed(path.absolute().parts[1:])], 0
    try:
        while names:
            _check_step(path, os.fstat(descriptor))
            name = names.pop()
            target = _link_target(path, descriptor, name)
            if target is None:
                folder = _open_step(descriptor, name, create)
            else:
                links += 1
                if links > LINKS:
                    raise refusal(path, "the path has too many symbolic links")
                names += reversed(target.parts[target.is_absolute() :])
                folder = os.open("/" if target.is_absolute() else ".", FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = folder
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_step(folder: int, name: str, create: bool) -> int:
    if create:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=folder)
    return os.open(name, FOLDER, dir_fd=folder)


def _link_target(path: Path, folder: int, name: str) -> Path | None:
    """Return where a symbolic link on the path leads, or None if the name is no link."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISLNK(status.st_mode):
        return None
    if status.st_uid not in _trusted():
        raise refusal(path, f"{_user(status.st_uid)} has made a symbolic link on it, {name}")
    return Path(os.readlink(name, dir_fd=folder))


def _check_step(path: Path, status: os.stat_result) -> None:
    """Raise CouldNotRun if another user could exchange files in this folder of the path."""
    if status.st_uid not in _trusted():
        raise refusal(path, f"a folder on it belongs to {_user(status.st_uid)}")
    shared = status.st_mode & 0o002 or (status.st_mode & 0o020 and status.st_gid != os.getegid())
    if shared and not status.st_mode & stat.S_ISVTX:
        raise refusal(path, "other users may write to a folder of the path")


def check_owner(path: Path, status: os.stat_result, forbidden: int) -> None:
    """Raise CouldNotRun if the path is not yours, or its mode has bits of `forbidden`."""
    if status.st_uid != os.geteuid():
        raise refusal(path, f"it belongs to {_user(status.st_uid)}, and you are {_user()}")
    if status.st_mode & forbidden:
        verb = "write to" if status.st_mode & OTHERS_WRITE else "read"
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        raise refusal(path, f"other users may {verb} it (mode {mode})", f"chmod go= {path}")


def _trusted() -> set[int]:
    """Return the users who may own folders above yours: you, root, and the owner of `/`."""
    return {0, os.geteuid(), _root_folder_owner()}


@cache
def _root_folder_owner() -> int:
    return Path("/").stat().st_uid


def _user(uid: int | None = None) -> str:
    uid = os.geteuid() if uid is None else uid
    with suppress(KeyError):
        return f"user {pwd.getpwuid(uid).pw_name}"
    return f"user {uid}"
