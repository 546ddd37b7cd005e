"""The command `serve`: migrate the chosen database, and serve it over HTTP."""

import asyncio
import errno
import gc
import socket
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from orm_async_tests.command_options import CommandParser
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.exit_codes import COULD_NOT_RUN, run_command
from orm_async_tests.postgres import SERVICE, lease, wait_until_ended

if TYPE_CHECKING:
    from fastapi import FastAPI
    from sqlalchemy import URL

    from orm_async_tests.db import Database
    from orm_async_tests.service.settings import Settings

# Bytes that the kernel keeps for a client that reads nothing. Linux doubles the number. Without a
# limit the kernel takes up to 4 MiB for each client, and the service has to produce all of it.
SEND_BUFFER = 2**17
ABOUT = "Upgrade the tables of a database, and serve the database over HTTP."
OPTIONS = """
    --db URL     use this database: embedded, compose, or a URL
    --host HOST  listen on this address (default: 127.0.0.1)
    --port PORT  listen on this port (default: 8000)
    --workers N  run this many processes (default: 1)
"""
RETRY_DELAY = 1.0  # seconds between two attempts to start a server that does not start


def main() -> int:
    """Run the service until SIGINT or SIGTERM.

    Return the exit code 2 if the service cannot start.
    """
    return run_command(serve)


def serve() -> int:
    options = CommandParser(OPTIONS, description=ABOUT).parse_args()
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    import orm_async_tests.service.app  # noqa: F401 (fail here if a package is missing)
    from orm_async_tests import db
    from orm_async_tests.service.connection import Connection
    from orm_async_tests.service.engines import service_urls

    settings, workers = read_settings(), options.workers
    with (
        bind(options.host, options.port) as listener,
        db.open_database(options.db, "asyncpg", SERVICE) as database,
    ):
        print(f"db: {database.label}, {database.driver}", file=sys.stderr)
        direct = service_urls(database.url, settings).listening  # not through a pooler (test173)
        asyncio.run(migrate(replace(database, url=direct)))
        # uvicorn does not log the address of a socket that it gets
        print(f"service: {format_url(listener)}/docs", file=sys.stderr)
        app = create_frozen_app(database.url, settings)
        config = uvicorn.Config(
            app if workers == 1 else partial(create_frozen_app, database.url, settings),
            factory=workers > 1,
            http=Connection,
            workers=workers,
            timeout_graceful_shutdown=10,
            timeout_worker_healthcheck=30,  # a worker answers once it has imported everything
        )
        if database.kind == "embedded":
            threading.Thread(target=keep_server_running, daemon=True).start()
        if workers > 1:
            Multiprocess(config, sockets=[listener]).run()
            return 0
        server = uvicorn.Server(config)
        server.run(sockets=[listener])
        return 0 if server.started else COULD_NOT_RUN


def keep_server_running() -> None:
    """Start the embedded server again whenever it ends.

    Until the server runs again, requests that need the database get the status 503.
    """
    from orm_async_tests.service.connection import LOGGER

    while True:
        try:
            wait_until_ended(SERVICE)
            with lease(SERVICE) as server:
                if server.launch != "warm":  # otherwise another command started the server
                    LOGGER.warning("the embedded server had stopped, so the service restarted it")
        except CouldNotRun as error:
            LOGGER.error("the service cannot use the embedded server: %s", error)
            time.sleep(RETRY_DELAY)


def create_frozen_app(url: "URL", settings: "Settings") -> "FastAPI":
    """Create the application, and exclude all existing objects from garbage collection.

    A garbage collection that includes all modules would delay requests by 0.1 s.
    """
    from orm_async_tests.service.app import create_app

    app = create_app(url, settings)
    gc.collect()
    gc.freeze()
    return app


def read_settings() -> "Settings":
    from pydantic import ValidationError

    from orm_async_tests.service.settings import PREFIX, Settings

    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        name, default = f"{PREFIX}{field.upper()}", Settings.model_fields[field].default
        raise CouldNotRun(
            f"{first['input']!r} is not valid: {first['msg'].removeprefix('Value error, ')}",
            name,
            f"{name}={default}",
        ) from None


def bind(host: str, port: int) -> socket.socket:
    try:
        if port not in range(2**16):  # create_server() would leave its socket open
            raise OverflowError("a port must be between 0 and 65535")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None)
        is_port = isinstance(error, OverflowError) or number in (errno.EADDRINUSE, errno.EACCES)
        problem = f"cannot listen on this address: {error}"
        remedy = "serve --port 8001" if is_port else "serve --host 127.0.0.1"
        raise CouldNotRun(problem, f"{host}:{port}", remedy) from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # connections inherit it
    return listener


def format_url(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def migrate(database: "Database") -> None:
    from orm_async_tests import db, migrations

    async with db.connect(database, "orm_async_tests serve") as connection:
        with migrations.explain_refusals(database.label):
            await connection.run_sync(migrations.upgrade, *migrations.HISTORIES.values())
        await connection.commit()


if __name__ == "__main__":
    raise SystemExit(main())
