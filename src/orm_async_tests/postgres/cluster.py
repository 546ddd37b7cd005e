"""One PostgreSQL data directory: how it is created, started and stopped."""

import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import paths, supervisor
from orm_async_tests.postgres.binaries import Binaries

Found = Literal["warm", "started", "initialised", "private"]

USER = "postgres"
DATABASE = "orm_async_tests"
SCRAM_ITERATIONS_SINCE = 16
COMMON = {
    "listen_addresses": "",  # no TCP: nothing of this server leaves the machine, or the user
    "unix_socket_permissions": "0700",
}
LOSES = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
KEEPS = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
WATCHED = {
    "wal_level": "logical",
    "max_connections": "200",
    "track_io_timing": "on",
    "timezone": "UTC",
}
NO_SETTINGS: Mapping[str, str] = {}


@dataclass(frozen=True)
class Purpose:
    """What a cluster is for, in which of the user's folders it lies, and its settings."""

    name: str
    folder: Literal["cache", "data"]
    settings: Mapping[str, str]


SCRIPTS = Purpose("scripts", "cache", COMMON | LOSES | WATCHED)  # rows are made before each way
SERVICE = Purpose("service", "data", COMMON | KEEPS | WATCHED)  # a user's rows survive a crash


@dataclass(frozen=True)
class Login:
    """How to reach a running server, and what had to be done to have it running."""

    user: str
    password: str
    socket_directory: Path
    version: str
    provider: str
    found: Found


@dataclass(frozen=True)
class Cluster:
    """A cluster below root.

    For the scripts, different binaries or settings get a different directory. The service has one
    for each major version: its data has to be found again.
    """

    root: Path
    binaries: Binaries
    version: str
    purpose: Purpose = SCRIPTS

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def home(self) -> Path:
        """The cluster's folder: its data, its secret, its log, and the files that are locked."""
        if self.purpose is SERVICE:
            return self.root / f"service-pg{self.major}"
        made_of = repr((self.binaries.provider, self.purpose.settings))
        digest = hashlib.sha256(made_of.encode()).hexdigest()[:8]
        return self.root / f"pg{self.major}-{digest}"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def secret(self) -> Path:
        return self.home / "secret"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    def command(self, sockets: Path, settings: Mapping[str, str]) -> list[str]:
        """What starts the server with these settings beside the usual ones."""
        quoted = str(sockets).replace('"', '""')
        settings = {**self.purpose.settings, **settings, "unix_socket_directories": f'"{quoted}"'}
        options = [f"-c{name}={value}" for name, value in settings.items()]
        return [str(self.binaries.folder / "postgres"), "-D", str(self.data), *options]

    def create(self) -> None:
        """Create the cluster under another name and rename it: no unfinished one has the name.

        Raises CouldNotRun if initdb or postgres fails.
        """
        unfinished = self.home / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self.secret.touch(mode=0o600)
        self.secret.write_text(secrets.token_urlsafe(24))
        iterations = ["-c", "scram_iterations=1"] if self.major >= SCRAM_ITERATIONS_SINCE else []
        how = ["-A", "scram-sha-256", "-E", "UTF8", "--no-locale"]
        how += ["--no-sync"] if self.purpose.settings["fsync"] == "off" else []
        secret = f"--pwfile={self.secret}"
        self._run("initdb", "-D", unfinished, "-U", USER, secret, *how, *iterations)
        self._run(
            "postgres",
            "--single",
            "-D",
            unfinished,
            "postgres",
            typed=f"CREATE DATABASE {DATABASE}\n",
        )
        unfinished.rename(self.data)

    def _run(self, program: str, *arguments: object, typed: str = "") -> None:
        command = [str(self.binaries.folder / program), *map(str, arguments)]
        try:
            done = subprocess.run(
                command,
                preexec_fn=supervisor.in_child,
                input=typed,
                capture_output=True,
                text=True,
                cwd="/",
            )
        except subprocess.SubprocessError:
            raise CouldNotRun(
                "PostgreSQL does not run as root, and this kernel lets root make no user namespace",
                "the embedded server, run by root",
                "the same command as an ordinary user, or DATABASE_URL=postgresql://...",
            ) from None
        if done.returncode:
            raise CouldNotRun(
                f"{program} failed: {done.stderr.strip() or done.stdout.strip()}",
                str(self.home),
                "orm-async-tests doctor, or DATABASE_URL=postgresql://...",
            )

    def start(self, idle: float, settings: Mapping[str, str] = NO_SETTINGS) -> None:
        """Start a supervisor and wait for its server; raises CouldNotRun if that dies."""
        sockets = paths.socket_directory(self.data)
        ready, tell = os.pipe()
        program = [sys.executable, "-I", "-S", supervisor.__file__, str(self.home), str(self.data)]
        with self.log.open("a") as log:
            subprocess.run(
                [*program, str(sockets), str(idle), str(tell), *self.command(sockets, settings)],
                pass_fds=[tell],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                check=True,
            )
        os.close(tell)
        with os.fdopen(ready, "rb") as answer:
            if not answer.read(1):
                raise CouldNotRun(
                    f"the embedded server died:\n{self.log_tail(15)}",
                    str(self.log),
                    self.remedy,
                )

    @property
    def remedy(self) -> str:
        """What to type when the server does not start; a reset would delete a user's data."""
        if self.purpose is SERVICE:
            return "orm-async-tests db log --service, then mend what it names; the data is kept"
        return "orm-async-tests db reset, or DATABASE_URL=postgresql://..."

    def running(self) -> bool:
        """A server whose supervisor was killed is about to go, so it does not count."""
        with (self.home / "supervisor").open("a") as kept:
            try:
                fcntl.flock(kept, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return supervisor.accepts(self.data, paths.socket_directory(self.data))
        return False

    def end(self, how: signal.Signals) -> bool:
        """Send the running server this signal and wait for its end; say whether it ran."""
        if not self.running():
            return False
        os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), how)
        with (self.home / "supervisor").open("a") as kept:
            fcntl.flock(kept, fcntl.LOCK_SH)  # the supervisor ends with its server
        return True

    def as_found(self, found: Found) -> Login:
        """How to reach the running server."""
        sockets = paths.socket_directory(self.data)
        password, provider = self.secret.read_text(), self.binaries.provider
        return Login(USER, password, sockets, self.version, provider, found)

    def log_tail(self, lines: int) -> str:
        """The last lines of the server's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
