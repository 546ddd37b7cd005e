"""Replaces this process by another program, which ends when its parent process dies.

The launcher is a separate program, because a `preexec_fn` of subprocess can deadlock in a process
with threads. The launcher imports only the standard library.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

NEW_USER_NAMESPACE = 0x10000000
NOBODY = 65534
PR_SET_PDEATHSIG = 1
NO_NAMESPACE, NO_PROGRAM, NO_PARENT = 125, 126, 128 + signal.SIGKILL  # exit codes


def launch_command(
    program: Sequence[str], death_signal: signal.Signals, *, as_nobody: bool = True
) -> list[str]:
    """Return a command line that runs a program through the launcher.

    On Linux, the program receives `death_signal` when the calling process dies. PostgreSQL and
    PgBouncer refuse to run as root. If you are root, `as_nobody` runs the program as the user
    nobody in a user namespace. Files that the program creates belong to root, not to nobody.
    """
    options = [str(os.getpid()), str(int(death_signal)), "nobody" if as_nobody else ""]
    return [sys.executable, "-I", "-S", __file__, *options, *program]


def _become_nobody() -> None:
    """Enter a Linux user namespace in which root appears as the user nobody."""
    import ctypes

    libc, group = ctypes.CDLL(None, use_errno=True), os.getegid()
    if libc.unshare(NEW_USER_NAMESPACE):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} 0 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")


def main(parent: int, death_signal: int, as_nobody: bool, program: list[str]) -> None:
    if as_nobody and os.geteuid() == 0:
        try:
            _become_nobody()
        except OSError as error:
            print(f"root cannot make a user namespace: {error}", file=sys.stderr)
            sys.exit(NO_NAMESPACE)
    if sys.platform == "linux":
        import ctypes  # here, because the scripts import this module

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:  # the parent died before the signal was set
        sys.exit(NO_PARENT)
    try:
        os.execvp(program[0], program)
    except OSError as error:
        print(f"{program[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(NO_PROGRAM)


if __name__ == "__main__":
    parent, death_signal, as_nobody, *program = sys.argv[1:]
    main(int(parent), int(death_signal), bool(as_nobody), program)
