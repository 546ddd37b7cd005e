"""The server's parent: starts it, reaps it, stops it when nobody has held a lease for a while.

Run as a program of its own, so it imports the stdlib alone. HOME holds the files `lease` and
`supervisor`; the descriptor READY gets a byte when the server accepts connections, or is closed
without one.
"""

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

NEW_USER_NAMESPACE = 0x10000000
NOBODY = 65534
PR_SET_PDEATHSIG = 1
TICK = 0.1  # seconds between two looks at the lease
ORPHANS = 5.0  # seconds that the backends of a killed server may take to go
STATUS_LINE = 7  # of postmaster.pid


def die_with_parent(how: signal.Signals) -> None:
    """Run in a forked child: it gets this signal when its parent dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, how)


def in_child() -> None:
    """Run in the forked child, before exec of a program of PostgreSQL's.

    PostgreSQL refuses root: as root, enter a user namespace in which we are `nobody`; files stay
    root's. On Linux, also ask for a fast shutdown when the parent dies. Raises OSError if refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        group = os.getegid()
        if libc.unshare(NEW_USER_NAMESPACE):
            raise OSError(ctypes.get_errno(), "unshare")
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{NOBODY} 0 1"),
            ("gid_map", f"{NOBODY} {group} 1"),
        ):
            Path(f"/proc/self/{name}").write_text(text)
    die_with_parent(signal.SIGINT)


def accepts(data: Path, sockets: Path) -> bool:
    """Whether the server says that it is ready, and answers: a crash leaves its files behind."""
    try:
        status = (data / "postmaster.pid").read_text().splitlines()[STATUS_LINE].strip()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(sockets / ".s.PGSQL.5432"))
    except (OSError, IndexError):
        return False
    return status == "ready"


def is_of(server: "subprocess.Popen[bytes]", data: Path) -> bool:
    """Whether the files are this server's: those of a killed one say that it is ready, too."""
    try:
        return int((data / "postmaster.pid").read_text().split()[0]) == server.pid
    except (OSError, IndexError):
        return False


def started(data: Path, sockets: Path, command: list[str]) -> "subprocess.Popen[bytes]":
    """Start the server and wait until it accepts connections; exit if it does not."""
    give_up = time.monotonic() + ORPHANS
    while True:
        server = subprocess.Popen(command, preexec_fn=in_child, stdin=subprocess.DEVNULL)
        while not (is_of(server, data) and accepts(data, sockets)):
            try:
                server.wait(0.005)
                break
            except subprocess.TimeoutExpired:
                continue
        else:
            return server
        if time.monotonic() > give_up:
            sys.exit(1)


def keep(home: Path, idle: float, server: "subprocess.Popen[bytes]") -> None:
    """Wait until the server ends, or end it after `idle` seconds without a lease.

    While it ends we hold the lease exclusively: the next client waits, and then starts another one.
    """
    quiet = 0.0
    with (home / "lease").open("a") as lease:
        while True:
            try:
                server.wait(TICK)
                return
            except subprocess.TimeoutExpired:
                pass
            try:
                fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                quiet = 0.0
                continue
            quiet += TICK
            if quiet >= idle:
                break
            fcntl.flock(lease, fcntl.LOCK_UN)
        server.send_signal(signal.SIGINT)
        server.wait()


def main(
    home: Path, data: Path, sockets: Path, idle: float, ready: int, command: list[str]
) -> None:
    """Leave the caller's session, then start and keep the server."""
    if os.fork():
        return
    os.setsid()
    with (home / "supervisor").open("a") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        server = started(data, sockets, command)
        os.write(ready, b"1")
        os.close(ready)
        keep(home, idle, server)


if __name__ == "__main__":
    home, data, sockets, idle, ready, *command = sys.argv[1:]
    main(Path(home), Path(data), Path(sockets), float(idle), int(ready), command)
