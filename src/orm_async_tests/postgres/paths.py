"""Folders that nobody else can enter."""

import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Literal

from orm_async_tests.errors import CouldNotRun

VARIABLE = "ORM_ASYNC_HOME"
SOCKET_NAME = "/.s.PGSQL.5432"
SOCKET_PATH_MAX = 103  # bytes: macOS allows 104 with the final zero, Linux 108


def home(kind: Literal["cache", "data"] = "cache") -> Path:
    """The embedded server's folder: ORM_ASYNC_HOME, else the user's for cache or data.

    In place of a cache that cannot be written, a temporary one; CouldNotRun in place of the others.
    """
    if named := os.environ.get(VARIABLE):
        return _private_folder(Path(named).absolute())
    import platformdirs

    if kind == "data":
        return _private_folder(platformdirs.user_data_path("orm_async_tests"))
    usual = platformdirs.user_cache_path("orm_async_tests")
    try:
        return _private_folder(usual)
    except CouldNotRun as error:
        instead = _temporary("home", str(usual))
        print(f"db: {error.what}, {usual}: using {instead}", file=sys.stderr)
        return instead


def socket_directory(data: Path) -> Path:
    """Where the socket lies: with the data, or in a short private folder if its path is long."""
    if len(os.fsencode(str(data) + SOCKET_NAME)) <= SOCKET_PATH_MAX:
        return data
    return _temporary("socket", str(data))


def _private_folder(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        writable = os.access(folder, os.W_OK)
    except OSError as error:
        raise _refused(folder, error.strerror or "it cannot be made") from None
    if not writable or os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise _refused(folder, "it is read-only")
    return folder


def _refused(folder: Path, why: str) -> CouldNotRun:
    return CouldNotRun(
        f"the embedded server has no folder for its files: {why}",
        str(folder),
        f"{VARIABLE}=/a/folder/of/yours, or DATABASE_URL=postgresql://...",
    )


def _temporary(purpose: str, of: str) -> Path:
    digest = hashlib.sha256(os.fsencode(of)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"orm-async-{os.geteuid()}-{purpose}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()  # somebody may have been there first, with a link or with open doors
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not ours or stat.S_IMODE(found.st_mode) & 0o077:
        raise CouldNotRun("somebody else may enter this folder", str(folder), f"rm -r {folder}")
    return folder
