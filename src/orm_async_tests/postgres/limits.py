"""Limits of the system that would make a command hang instead of fail."""

import resource

from orm_async_tests.errors import CouldNotRun

DESCRIPTORS = 256  # macOS's default; test5 hangs with 14, and many connections need more


def require_descriptors() -> None:
    """Raise CouldNotRun if this process may open too few files and sockets."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        raise CouldNotRun(
            f"this process may open {soft} files, and commands need {DESCRIPTORS}",
            "the limit that `ulimit -n` shows",
            f"ulimit -n {DESCRIPTORS}, or the same command in a new shell",
        )
