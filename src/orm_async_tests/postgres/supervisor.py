"""The supervisor starts a PostgreSQL server, and stops the server when nobody uses it.

The supervisor is a separate program, detached from the command that started it. The supervisor
imports only the standard library. The supervisor checks the lease file ten times a second, which
takes less than 1% of a processor's time. Commands do not announce their end, because a killed
command could not do so.
"""

import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

TICK = 0.1  # seconds between two checks of the lease
RETRY_SECONDS = 5.0  # how long the backends of a killed server may need to end
PID_LINE, SOCKETS_LINE, STATUS_LINE, PIDFILE_LINES = 0, 4, 7, 8  # lines of postmaster.pid
SOCKET = ".s.PGSQL.5432"
UNIX_SOCKETS = Path("/proc/net/unix")  # Linux
PATH_FIELD = 7  # the field with the path in a line of this file
PS = ("ps", "-A", "-o", "ppid=", "-o", "args=")
PS_TICK = 1.0  # seconds between two calls of ps, which cost more
UNTIL_BYTES = 32

Server = subprocess.Popen[bytes]


class IdleTimer:
    """Measures how long a server has been idle.

    The parameter `renewal` is the modification time of the lease file, in nanoseconds. Every
    command that uses the server changes the lease file's modification time.
    """

    def __init__(self, seconds: float, now: float, renewal: int) -> None:
        self._seconds = seconds
        self._last_use = now
        self._renewal = renewal

    def has_expired(self, now: float, renewal: int, is_used: bool) -> bool:
        if is_used or renewal != self._renewal:
            self._last_use, self._renewal = now, renewal
            return False
        return now - self._last_use >= self._seconds


def read_pidfile(data: Path) -> list[str]:
    """Return the lines of postmaster.pid, and an empty text for a missing line."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        lines = []
    return [*lines, *[""] * (PIDFILE_LINES - len(lines))]


def accepts_connections(data: Path, sockets: Path) -> bool:
    """Return whether the server is ready and its socket accepts clients.

    The function also connects to the socket, because the file postmaster.pid remains after a crash.
    """
    is_ready = read_pidfile(data)[STATUS_LINE].strip() == "ready"
    with socket.socket(socket.AF_UNIX) as client:
        return is_ready and client.connect_ex(str(sockets / SOCKET)) == 0


def has_clients(server: int, sockets: Path) -> bool:
    if UNIX_SOCKETS.exists():
        path = os.fsencode(sockets / SOCKET)
        rows = (line.split(None, PATH_FIELD) for line in UNIX_SOCKETS.read_bytes().splitlines())
        return any(row[PATH_FIELD:] == [path] and row[5] == b"03" for row in rows)  # 3: connected
    return has_local_backends(server)


def has_local_backends(server: int) -> bool:
    """Return whether `ps` lists a backend with a client on a Unix-domain socket."""
    output = subprocess.run(PS, capture_output=True, check=True).stdout
    rows = (line.split(None, 1) for line in output.splitlines())
    return any(int(parent) == server and b" [local] " in title for parent, title in rows)


def start_and_wait(data: Path, sockets: Path, command: list[str], child_ended: int) -> Server:
    """Start the server, and return its process when it accepts connections.

    Start the server again if it ends early. After RETRY_SECONDS, exit with the code 1.
    """
    give_up = time.monotonic() + RETRY_SECONDS
    launcher = str(Path(__file__).with_name("launcher.py"))
    options = [str(os.getpid()), str(int(signal.SIGINT)), "nobody"]
    while time.monotonic() < give_up:
        server = subprocess.Popen(
            [sys.executable, "-I", "-S", launcher, *options, *command],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        while not _ends_within(server, 0.005, child_ended):
            # An older server that was killed may have left the file.
            is_owner = read_pidfile(data)[PID_LINE].strip() == str(server.pid)
            if is_owner and accepts_connections(data, sockets):
                return server
    sys.exit(1)


def stop_when_idle(
    server: Server, lease: int, idle: float, sockets: Path | None, child_ended: int
) -> bool:
    """Stop the server after `idle` seconds without use, and wait until it ends.

    The server is in use while a command locks the lease file, or while a client is connected. If
    `sockets` is None, the function ignores connected clients. Return False if the server ended by
    itself. If the function stops the server, the lease file stays locked, so that the next command
    waits until this process ends.
    """
    timer = IdleTimer(idle, time.monotonic(), os.fstat(lease).st_mtime_ns)
    tick = TICK if sockets is None or UNIX_SOCKETS.exists() else PS_TICK
    while not _ends_within(server, tick, child_ended):
        is_leased = not try_lock(lease)
        is_used = is_leased or (sockets is not None and has_clients(server.pid, sockets))
        is_idle = timer.has_expired(time.monotonic(), os.fstat(lease).st_mtime_ns, is_used)
        if is_idle and time.time() >= read_keep_until(lease):
            server.send_signal(signal.SIGINT)
            server.wait()
            return True
        if not is_leased:
            fcntl.flock(lease, fcntl.LOCK_UN)
    return False


def read_keep_until(lease: int) -> float:
    """Return the earliest time to stop the server, in seconds since the epoch."""
    return float(os.pread(lease, UNTIL_BYTES, 0) or 0)


def try_lock(lease: int) -> bool:
    try:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ends_within(server: Server, seconds: float, child_ended: int) -> bool:
    """Wait at most `seconds` for the server to end. Return whether the server ended."""
    # Wait for SIGCHLD, because Popen.wait() with a timeout would poll.
    if server.poll() is None and select.select([child_ended], [], [], seconds)[0]:
        os.read(child_ended, 64)
    return server.poll() is not None


def main(lease: int, lock: int, idle: float, private: str, *arguments: str) -> None:
    """Run as a daemon that starts the server, and stops it when it is idle.

    When the server accepts connections, write one byte to standard output. If the server does
    not start, close standard output without writing to it.

    The arguments `lease` and `lock` are the descriptors of two files for flock. The argument
    `private` is the folder of a private server, or an empty text. A private server stops despite
    open connections, and its folder is deleted. The parameter `arguments` has the data folder, the
    socket folder, and the server's command line.
    """
    if os.fork():
        return
    os.setsid()
    data, sockets, command = Path(arguments[0]), Path(arguments[1]), list(arguments[2:])
    fcntl.flock(lock, fcntl.LOCK_EX)
    child_ended, writable = os.pipe()  # readable whenever a child process has ended
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    server = start_and_wait(data, sockets, command, child_ended)
    os.write(sys.stdout.fileno(), b"1")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # closes the pipe
    if stop_when_idle(server, lease, idle, None if private else sockets, child_ended):
        if sockets != data:
            shutil.rmtree(sockets)
        if private:
            shutil.rmtree(private)


if __name__ == "__main__":
    lease, lock, idle, private, *arguments = sys.argv[1:]
    main(int(lease), int(lock), float(idle), private, *arguments)
