"""PgBouncer in front of a server, for whoever asks for it: it is installed by the system."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import supervisor

VARIABLE = "ORM_ASYNC_PGBOUNCER"
REMEDY = f"apt-get install pgbouncer, or {VARIABLE}=/a/folder/pgbouncer"
SBIN = "/usr/local/sbin:/usr/sbin"  # which an ordinary user's PATH may lack
PORT = 6432
STARTED_WITHIN = 10.0  # seconds
SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
PREPARED = "max_prepared_statements"


def find() -> str:
    """The program that ORM_ASYNC_PGBOUNCER names, else the one on PATH or in sbin.

    Raises CouldNotRun if it is missing.
    """
    named = os.environ.get(VARIABLE) or "pgbouncer"
    places = f"{os.environ.get('PATH', os.defpath)}:{SBIN}"
    found = shutil.which(named, path=places)
    if found is None:
        raise CouldNotRun(f"there is no program {named}", f"{VARIABLE}, PATH, {SBIN}", REMEDY)
    return found


def version() -> str:
    """Such as 1.24.1. Raises CouldNotRun if there is no PgBouncer, or it does not start."""
    program = find()
    done = subprocess.run([program, "-V"], capture_output=True, text=True)
    said = re.match(r"PgBouncer (\d+\.\d+(\.\d+)?)", done.stdout)
    if done.returncode or said is None:
        raise CouldNotRun(f"PgBouncer does not start: {done.stderr.strip()}", program, REMEDY)
    return said[1]


class Pooler:
    """PgBouncer in front of one server; each start is a process of its own."""

    def __init__(self, server: URL, folder: Path) -> None:
        self.server = server
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, **settings: str) -> URL:
        """The URL of the same database through PgBouncer with these settings of pgbouncer.ini.

        Raises CouldNotRun if it does not start.
        """
        folder = self._folder / str(len(self._processes))
        folder.mkdir()
        config, log = folder / "pgbouncer.ini", folder / "pgbouncer.log"
        config.write_text(_config(self.server, folder, settings))
        with log.open("wb") as told:
            process = subprocess.Popen(
                [find(), str(config)],
                preexec_fn=supervisor.in_child,  # PgBouncer refuses root as PostgreSQL does
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
            )
        self._processes.append(process)
        _wait(process, folder / f".s.PGSQL.{PORT}", log)
        return self.server.set(host=None, port=PORT, query={"host": str(folder)})

    def stop(self) -> None:
        """End what was started, with its connections: by SIGTERM it would wait for its clients."""
        for process in self._processes:
            process.kill()
            process.wait()


@contextmanager
def pgbouncer(server: URL) -> Iterator[Pooler]:
    """PgBouncer for this server, on sockets in a private folder; it ends with the block.

    If this process is killed, so is PgBouncer (Linux).
    """
    with tempfile.TemporaryDirectory(prefix="orm-async-") as folder:  # nobody else can enter it
        own = Pooler(server, Path(folder))
        try:
            yield own
        finally:
            own.stop()


def _config(server: URL, folder: Path, settings: dict[str, str]) -> str:
    """What pgbouncer.ini says: no TCP, and whoever may enter the folder is the server's user."""
    if settings.get(PREPARED) == "0" and _keeps_no_statements(version()):
        del settings[PREPARED]
    given = {
        "listen_addr": "",
        "unix_socket_dir": str(folder),
        "auth_type": "any",
        "server_tls_sslmode": _sslmode(server),
        **settings,
    }
    lines = [f"{name} = {value}" for name, value in given.items()]
    return "\n".join(["[databases]", f"* = {_connection(server)}", "[pgbouncer]", *lines, ""])


def _keeps_no_statements(version: str) -> bool:
    """Whether this PgBouncer is older than the setting, and behaves as with 0."""
    return tuple(map(int, version.split(".")[:2])) < (1, 21)


def _connection(server: URL) -> str:
    """The server as a connection string of PgBouncer's, each value quoted."""
    host = server.host or server.query.get("host", "127.0.0.1")
    if not isinstance(host, str):
        raise CouldNotRun(
            "a pooler is put in front of one host",
            server.render_as_string(),
            "a URL with one host",
        )
    words = {
        "host": host,
        "port": str(server.port or 5432),
        "user": server.username or "",
        "password": server.password or "",
    }
    quoted = {name: value.replace("'", "''") for name, value in words.items() if value}
    return " ".join(f"{name}='{value}'" for name, value in quoted.items())


def _sslmode(server: URL) -> str:
    """What the URL asks for, by either driver's name."""
    asked = server.query.get("sslmode") or server.query.get("ssl")
    return asked if isinstance(asked, str) and asked in SSLMODES else "prefer"


def _wait(process: "subprocess.Popen[bytes]", path: Path, log: Path) -> None:
    deadline = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as client:
            if client.connect_ex(str(path)) == 0:
                return
        try:
            process.wait(0.005)
            break
        except subprocess.TimeoutExpired:
            continue
    raise CouldNotRun(
        f"PgBouncer does not start:\n{log.read_text(errors='replace')}", str(path.parent), REMEDY
    )
