"""PostgreSQL's client programs, logged in to a server of ours."""

import os
import subprocess

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import binaries
from orm_async_tests.postgres.cluster import Login


def client(server: Login, program: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a client program that is logged in there. Raises CouldNotRun if it is missing."""
    login = ["-h", str(server.socket_directory), "-U", server.user]
    others = {name: text for name, text in os.environ.items() if not name.startswith("PG")}
    return subprocess.Popen(
        [str(binaries.program(program)), *login, *arguments],
        env={**others, "PGPASSWORD": server.password},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process: "subprocess.Popen[str]") -> str:
    """What a program wrote until it ended. Raises CouldNotRun if it failed."""
    told, failed = process.communicate()
    if process.returncode:
        where = f"{process.args!r}"  # the password is not among them
        raise CouldNotRun(f"a client program failed: {failed.strip()}", where, binaries.CLIENTS)
    return told
