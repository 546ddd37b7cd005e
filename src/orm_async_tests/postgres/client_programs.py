"""Start PostgreSQL's client programs so that they log in to a server of this package."""

import os
import subprocess

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import binaries
from orm_async_tests.postgres.cluster import Login


def start_client(server: Login, program: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a client program that logs in to the server. Raises CouldNotRun if it is missing.

    Variables of libpq in the environment, such as PGPORT, are not passed on.
    """
    options = ["-h", str(server.socket_directory), "-U", server.user]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PG")}
    path = binaries.find_program(program)
    try:
        return subprocess.Popen(
            [str(path), *options, *arguments],
            env={**environment, "PGPASSWORD": server.password},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    except OSError as error:
        problem = f"the client program does not start: {error.strerror}"
        raise CouldNotRun(problem, str(path), binaries.CLIENTS) from None


def read_output(process: "subprocess.Popen[str]") -> str:
    """Wait until a client program ends, and return its output. Raises CouldNotRun if it failed."""
    output, errors = process.communicate()
    if process.returncode:
        where = f"{process.args!r}"  # they do not contain the password
        raise CouldNotRun(f"a client program failed: {errors.strip()}", where, binaries.CLIENTS)
    return output
