"""Starts PgBouncer in front of a server.

Install PgBouncer with the package manager of your system.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import launcher
from orm_async_tests.postgres.binaries import read_version
from orm_async_tests.postgres.paths import temporary_folder

if TYPE_CHECKING:
    from sqlalchemy import URL

PGBOUNCER_VARIABLE = "ORM_ASYNC_PGBOUNCER"
REMEDY = f"run apt-get install pgbouncer, or set {PGBOUNCER_VARIABLE}=/a/folder/pgbouncer"
SBIN = "/usr/local/sbin:/usr/sbin"  # the PATH of an ordinary user may lack these folders
PORT = 6432
STARTED_WITHIN = 10.0  # seconds
PREPARED = "max_prepared_statements"


def find() -> str:
    program = os.environ.get(PGBOUNCER_VARIABLE) or "pgbouncer"
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{SBIN}")
    if path is None:
        raise CouldNotRun(
            f"there is no program {program}", f"{PGBOUNCER_VARIABLE}, PATH, {SBIN}", REMEDY
        )
    return path


def version() -> str:
    return read_version(Path(find()), re.compile(r"PgBouncer (\d+\.\d+(?:\.\d+)?)"), REMEDY)


class Pooler:
    def __init__(self, server: "URL", folder: Path) -> None:
        self.server = server
        self._folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, **settings: str) -> "URL":
        """Start another PgBouncer, and return its URL. Raises CouldNotRun.

        Pass settings of pgbouncer.ini as keyword arguments, for example pool_mode="transaction".
        """
        folder = self._folder / str(len(self.processes))
        folder.mkdir()
        config, log = folder / "pgbouncer.ini", folder / "pgbouncer.log"
        config.write_text(_render_config(self.server, folder, settings))
        # PgBouncer refuses root, as PostgreSQL does.
        command = launcher.launch_command([find(), str(config)], signal.SIGINT)
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self.processes.append(process)
        _wait_for_socket(process, folder / f".s.PGSQL.{PORT}", log)
        return self.server.set(host=None, port=PORT, query={"host": str(folder)})


@contextmanager
def pgbouncer(server: "URL") -> Iterator[Pooler]:
    """Yield a Pooler, and stop its PgBouncer processes at the end of the `with` block.

    On Linux, PgBouncer also ends when the calling process is killed.
    """
    with temporary_folder() as folder:
        pooler = Pooler(server, folder)
        try:
            yield pooler
        finally:
            for process in pooler.processes:
                process.kill()  # on SIGTERM, PgBouncer would wait for its clients
                process.wait()


def _render_config(server: "URL", folder: Path, settings: dict[str, str]) -> str:
    from orm_async_tests.urls import SSL_MODES

    if settings.get(PREPARED) == "0" and tuple(map(int, version().split(".")[:2])) < (1, 21):
        del settings[PREPARED]  # an old PgBouncer rejects the setting, and behaves as with 0
    sslmode = server.query.get("sslmode") or server.query.get("ssl")  # asyncpg's name
    values = {
        "listen_addr": "",  # no TCP port
        "unix_socket_dir": folder,
        "auth_type": "any",
        "server_tls_sslmode": sslmode if sslmode in SSL_MODES else "prefer",
        **settings,
    }
    lines = [f"{name} = {value}" for name, value in values.items()]
    return "\n".join(["[databases]", f"* = {_render_server(server)}", "[pgbouncer]", *lines, ""])


def _render_server(server: "URL") -> str:
    from orm_async_tests.urls import DEFAULT_PORT

    host = server.host or server.query.get("host", "127.0.0.1")
    if not isinstance(host, str):
        raise CouldNotRun(
            "PgBouncer connects to one host, but this URL has several hosts",
            server.render_as_string(),
            "repeat the command with a URL that has one host",
        )
    words = {
        "host": host,
        "port": str(server.port or DEFAULT_PORT),
        "user": server.username or "",
        "password": server.password or "",
    }
    quoted = {name: value.replace("'", "''") for name, value in words.items() if value}
    return " ".join(f"{name}='{value}'" for name, value in quoted.items())


def _wait_for_socket(process: "subprocess.Popen[bytes]", path: Path, log: Path) -> None:
    deadline = time.monotonic() + STARTED_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as client:
            if client.connect_ex(str(path)) == 0:
                return
        time.sleep(0.005)
    problem = f"PgBouncer does not start:\n{log.read_text(errors='replace')}"
    raise CouldNotRun(problem, str(path.parent), REMEDY)
