"""Creates a cluster (a PostgreSQL data directory), and starts and stops its server."""

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import launcher, paths, supervisor
from orm_async_tests.postgres.binaries import Binaries

Launch = Literal["warm", "started", "initialized", "private"]

USER = "postgres"
DATABASE = "orm_async_tests"
SCRAM_ITERATIONS_SINCE = 16
SECRET_BYTES = 64
ACCESS = {
    "listen_addresses": "",  # no TCP, so that other machines and users cannot connect
    "unix_socket_permissions": "0700",
}
NON_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
COMMON_TUNING = {
    "wal_level": "logical",
    "max_connections": "200",
    "track_io_timing": "on",
    "timezone": "UTC",
}


@dataclass(frozen=True)
class ClusterKind:
    """A kind of cluster, for example the scripts' cluster, with its PostgreSQL settings."""

    name: str
    place: Literal["cache", "data"]
    settings: Mapping[str, str]


# The rows of the service have to survive a crash. The rows of the scripts do not.
SCRIPTS = ClusterKind("scripts", "cache", ACCESS | NON_DURABLE | COMMON_TUNING)
SERVICE = ClusterKind("service", "data", ACCESS | DURABLE | COMMON_TUNING)


@dataclass(frozen=True)
class Login:
    """What a client needs to connect to an embedded server."""

    user: str
    password: str
    socket_directory: Path
    version: str
    provider: str
    launch: Launch  # whether the server was already running


class Cluster:
    """A server's data directory and related files, in a folder below `root`.

    The scripts have one folder for each combination of PostgreSQL programs and settings. The
    service has one folder for each major version of PostgreSQL, so that every command finds the
    service's data.
    """

    def __init__(
        self, root: Path, binaries: Binaries, version: str, kind: ClusterKind = SCRIPTS
    ) -> None:
        self.root, self.binaries, self.version, self.kind = root, binaries, version, kind
        self.major = int(re.findall(r"\d+", version)[0])
        identity = repr((binaries.provider, kind.settings))
        digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
        name = f"service-pg{self.major}" if kind is SERVICE else f"pg{self.major}-{digest}"
        self.folder = root / name
        self.data = self.folder / "data"
        self.secret = self.folder / "secret"
        self.log = self.folder / "server.log"
        # The supervisor keeps `lock` locked as long as it lives. Every user of the server keeps
        # `lease` locked, shared with the others.
        self.lock, self.lease = self.folder / "supervisor", self.folder / "lease"

    def check(self) -> None:
        """Raise CouldNotRun if a file of the cluster is a link or belongs to another user."""
        paths.check_folder(self.folder, create=True)
        for path in self.folder.iterdir():
            paths.check_entry(path)
        self.sockets()

    def sockets(self) -> Path:
        """Return the folder of the server's socket, even if the server is not running.

        A running server keeps its folder when the variable TMPDIR changes. Raises CouldNotRun.
        """
        folder = supervisor.read_pidfile(self.data)[supervisor.SOCKETS_LINE]
        if not folder:  # a server that starts has not written this line yet
            return paths.socket_directory(self.data, create=False)
        return paths.check_existing(Path(folder))

    def is_created(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    def create(self) -> None:
        """Create the data folder, named "unfinished" until it is complete. Raises CouldNotRun."""
        unfinished = self.folder / "unfinished"
        with paths.translate_errors(self.folder):
            if unfinished.exists():
                shutil.rmtree(unfinished)
        self.write_secret(secrets.token_urlsafe(24))
        iterations = ["-c", "scram_iterations=1"] if self.major >= SCRAM_ITERATIONS_SINCE else []
        options = ["-A", "scram-sha-256", "-E", "UTF8", "--no-locale", *iterations]
        options += ["--no-sync"] if self.kind.settings["fsync"] == "off" else []
        password = f"--pwfile={self.secret}"
        self._run("initdb", "-D", str(unfinished), "-U", USER, password, *options)
        single = ["--single", "-D", str(unfinished), "postgres"]
        self._run("postgres", *single, stdin=f"CREATE DATABASE {DATABASE}\n")
        with paths.translate_errors(self.data):
            unfinished.rename(self.data)

    def write_secret(self, password: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with paths.translate_errors(self.secret):
            self.secret.unlink(missing_ok=True)
            with paths.open_file(self.secret, flags, paths.OTHERS_ENTER) as file:
                os.write(file, password.encode())

    def _run(self, program: str, *arguments: str, stdin: str = "") -> None:
        command = [str(self.binaries.folder / program), *arguments]
        with paths.translate_errors(self.folder):
            run = subprocess.run(
                launcher.launch_command(command, signal.SIGINT),
                input=stdin,
                capture_output=True,
                text=True,
                errors="replace",
                cwd="/",
            )
        if run.returncode == launcher.NO_NAMESPACE:
            raise CouldNotRun(
                "PostgreSQL does not run as root, and root cannot create a user namespace here",
                "the embedded server",
                "repeat the command as an ordinary user, or set DATABASE_URL=postgresql://...",
            )
        if run.returncode:
            raise CouldNotRun(
                f"{program} failed: {run.stderr.strip() or run.stdout.strip()}",
                str(self.folder),
                "run orm-async-tests doctor, or set DATABASE_URL=postgresql://...",
            )

    def start(self, idle: float, *, is_private: bool = False, **settings: str) -> None:
        """Start a supervisor, and wait until its server accepts connections. Raises CouldNotRun.

        The arguments `settings` override the settings of the cluster's kind. The server stops when
        nobody has used it for `idle` seconds. A private server stops when its lease ends, and its
        root folder is deleted.
        """
        sockets = paths.socket_directory(self.data)
        quoted = str(sockets).replace('"', '""')
        settings = {**self.kind.settings, **settings, "unix_socket_directories": f'"{quoted}"'}
        server = [str(self.binaries.folder / "postgres"), "-D", str(self.data)]
        server += [f"-c{name}={value}" for name, value in settings.items()]
        private = str(self.root) if is_private else ""
        with (
            paths.open_file(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND) as log,
            paths.open_file(self.lease) as lease,
            paths.open_file(self.lock) as lock,
            paths.translate_errors(self.folder),
        ):
            options = [str(lease), str(lock), str(idle), private, str(self.data), str(sockets)]
            with subprocess.Popen(
                [sys.executable, "-I", "-S", supervisor.__file__, *options, *server],
                pass_fds=[lease, lock],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd="/",
            ) as process:
                assert process.stdout is not None
                is_ready = process.stdout.read(1)
        if process.returncode:
            raise self._failure(f"the supervisor ended with exit code {process.returncode}")
        if not is_ready:
            raise self._failure("the embedded server ended before it accepted connections")

    def _failure(self, problem: str) -> CouldNotRun:
        reason = "there is no space left on the device"
        if os.statvfs(self.folder).f_bavail:
            with paths.open_file(self.log, os.O_RDONLY):
                reason = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        remedy = "run orm-async-tests db reset, or set DATABASE_URL=postgresql://..."
        if self.kind is SERVICE:  # a reset would delete a user's data
            remedy = "run orm-async-tests db log --service, and correct the cause: no data is lost"
        return CouldNotRun(f"{problem}:\n{reason}", str(self.log), remedy)

    def is_running(self) -> bool:
        """Return whether the server accepts connections and its supervisor runs.

        A server without a supervisor is about to stop.
        """
        with paths.open_file(self.lock) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return supervisor.accepts_connections(self.data, self.sockets())
        return False

    def end(self, stop_signal: signal.Signals) -> bool:
        """End the server with a signal, and delete its sockets.

        Return whether the server was running.
        """
        is_running, sockets = self.is_running(), self.sockets()
        if is_running:
            with suppress(ValueError, ProcessLookupError):  # the server may have ended
                os.kill(int(supervisor.read_pidfile(self.data)[supervisor.PID_LINE]), stop_signal)
            with paths.open_file(self.lock, os.O_RDWR) as lock:
                fcntl.flock(lock, fcntl.LOCK_SH)  # the supervisor ends with its server
        with paths.translate_errors(sockets):
            if sockets != self.data and sockets.exists():
                shutil.rmtree(sockets)
        return is_running

    def login(self, launch: Launch) -> Login:
        sockets = self.sockets()
        with paths.open_file(self.secret, os.O_RDONLY, paths.OTHERS_ENTER) as file:
            password = os.read(file, SECRET_BYTES).decode()
        return Login(USER, password, sockets, self.version, self.binaries.provider, launch)
