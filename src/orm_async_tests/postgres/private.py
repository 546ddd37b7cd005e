"""Starts private servers and hot standbys.

A script may freeze, kill or reconfigure its private servers. A hot standby begins as a copy of its
primary, made by pg_basebackup. Streaming replication keeps the hot standby up to date.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orm_async_tests.errors import CouldNotRun, convert_os_errors
from orm_async_tests.postgres import binaries, paths
from orm_async_tests.postgres.cluster import Cluster, Login

# A killed server would leave POSIX shared memory behind.
FILES_ONLY = {"dynamic_shared_memory_type": "mmap"}
DEADLINE = 30.0  # seconds that a standby may take to pause, to replay or to be promoted
BACKUP = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--no-manifest")
# Writes one more record, because the end of a page is replayed only with the next record.
MARK = "SET LOCAL synchronous_commit = local; SELECT pg_logical_emit_message(true, 'mark', '')"


def start_client(server: Login, program: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a client program that logs in to a server. Raises CouldNotRun.

    The program does not get libpq's environment variables, for example PGPORT.
    """
    options = ["-h", str(server.socket_directory), "-U", server.user]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PG")}
    path = binaries.find_program(program)
    with convert_os_errors("the client program does not start", path, binaries.CLIENTS):
        return subprocess.Popen(
            [str(path), *options, *arguments],
            env={**environment, "PGPASSWORD": server.password},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def read_output(process: "subprocess.Popen[str]") -> str:
    output, errors = process.communicate()
    if process.returncode:
        where = f"{process.args!r}"  # the arguments do not contain the password
        raise CouldNotRun(f"a client program failed: {errors.strip()}", where, binaries.CLIENTS)
    return output


class PrivateServer:
    """A server for only one script, with the settings of the embedded server."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.folder = cluster.root
        self._frozen: list[int] = []

    @property
    def login(self) -> Login:
        return self.cluster.login("private")

    @property
    def frozen(self) -> bool:
        return bool(self._frozen)

    def freeze(self, pid: int) -> None:
        """Freeze a server process with SIGSTOP, so that its connection is silent until thaw()."""
        os.kill(pid, signal.SIGSTOP)
        self._frozen.append(pid)

    def thaw(self) -> None:
        while self._frozen:
            os.kill(self._frozen.pop(), signal.SIGCONT)

    def start(self, **settings: str) -> None:
        """Start the server with additional PostgreSQL settings. Raises CouldNotRun."""
        self.cluster.start(0.0, is_private=True, **{**FILES_ONLY, **settings})

    def stop(self) -> None:
        """Shut down the server in fast mode, which ends all sessions and keeps all commits."""
        self.thaw()
        self.cluster.end(signal.SIGINT)

    def kill(self) -> None:
        """Kill the server with SIGKILL, as the kernel does when memory runs out.

        A power cut would also lose data that is not yet on the disk.
        """
        self.thaw()
        self.cluster.end(signal.SIGKILL)


class Standby(PrivateServer):
    """A read-only server that replays the writes of its primary."""

    def __init__(self, cluster: Cluster, primary: PrivateServer) -> None:
        super().__init__(cluster)
        self.primary = primary

    def pause(self) -> None:
        """Hide new commits until resume(). The paused standby still receives new commits."""
        _select(self, "SELECT pg_wal_replay_pause()")
        _wait_for(self, "pg_get_wal_replay_pause_state() = 'paused'")

    def resume(self) -> None:
        _select(self, "SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Wait until the standby has replayed all earlier writes of the primary."""
        _wait_for(self, f"pg_last_wal_replay_lsn() >= '{_select(self.primary, MARK)}'")

    def promote(self) -> None:
        _select(self, f"SELECT pg_promote(wait_seconds => {DEADLINE:.0f})")
        _wait_for(self, "NOT pg_is_in_recovery()")


@contextmanager
def private_server(within: Path | None = None, **settings: str) -> Iterator[PrivateServer]:
    """Run a private server during the `with` block. Raises CouldNotRun.

    Pass PostgreSQL settings as keyword arguments, for example max_connections="10". The server's
    temporary folder is inside the folder `within`. The server also stops when the calling process
    dies.
    """
    with _leased_cluster(within) as cluster:
        cluster.create()
        server = PrivateServer(cluster)
        with _running(server, settings):
            yield server


@contextmanager
def hot_standby(primary: PrivateServer, **settings: str) -> Iterator[Standby]:
    """Run a hot standby of the primary during the `with` block. Raises CouldNotRun.

    Pass PostgreSQL settings as keyword arguments, for example recovery_min_apply_delay="1s". The
    standby also stops when the calling process dies.
    """
    with _leased_cluster(primary.folder.parent) as cluster:
        login = primary.login
        cluster.write_secret(login.password)
        read_output(start_client(login, "pg_basebackup", "-D", str(cluster.data), *BACKUP))
        for lock in cluster.data.glob(".s.PGSQL.*.lock"):  # copies of the primary's lock files
            lock.unlink()
        standby = Standby(cluster, primary)
        with _running(standby, settings):
            yield standby


@contextmanager
def _leased_cluster(within: Path | None) -> Iterator[Cluster]:
    programs = binaries.find()
    with paths.temporary_folder(within) as folder:
        cluster = Cluster(folder, programs, programs.version())
        cluster.check()
        with paths.open_file(cluster.lease) as lease:
            fcntl.flock(lease, fcntl.LOCK_SH)
            yield cluster


@contextmanager
def _running(server: PrivateServer, settings: dict[str, str]) -> Iterator[None]:
    server.start(**settings)
    try:
        yield
    finally:
        server.stop()


def _select(server: PrivateServer, sql: str) -> str:
    arguments = ["-XAtq", "-d", "postgres", "-c", sql]
    return read_output(start_client(server.login, "psql", *arguments)).strip()


def _wait_for(server: PrivateServer, condition: str) -> None:
    """Wait until an SQL condition is true on the server, or raise CouldNotRun after DEADLINE."""
    give_up = time.monotonic() + DEADLINE
    while _select(server, f"SELECT {condition}") != "t":
        if time.monotonic() > give_up:
            problem = f"the server did not reach this state within {DEADLINE:.0f} s: {condition}"
            where = str(server.login.socket_directory)
            raise CouldNotRun(problem, where, "repeat the command")
