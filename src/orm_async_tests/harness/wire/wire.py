"""Round trips, counted on the wire: SQLAlchemy's events miss BEGIN, prepare and fetches."""

import asyncio
import re
import shutil
import struct
import tempfile
import threading
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL

from orm_async_tests.harness.wire.proxy import READ_SIZE, Proxy

PORT = 5432
TERMINATE = b"X"
CANCEL_REQUEST = struct.pack("!ii", 16, 80877102)
BACKEND_KEY = re.compile(rb"K\0\0\0.(....)", re.DOTALL)  # a message with the process ID
TLS_PARAMETERS = ("ssl", "sslmode")


class Wire(Proxy):
    """A proxy in a thread between the observed engines and their server.

    A round trip begins when a client sends bytes first, or after the server has answered.
    Terminate and CancelRequest do not count, because the server never answers them.
    """

    def __init__(self, server: URL, folder: Path) -> None:
        host = str(server.host or server.query.get("host", "127.0.0.1"))
        super().__init__(host, server.port or PORT)
        self.round_trips = 0
        self.links: dict[int, _Link] = {}  # by the backend's process ID
        self.url = _through(server, folder)
        self.awaited_word = b""
        self._path = folder / f".s.PGSQL.{PORT}"

    async def listen(self) -> asyncio.Server:
        """Listen on a Unix socket in the directory."""
        return await asyncio.start_unix_server(self.accept, self._path)

    async def carry(
        self, client: StreamReader, back: StreamWriter, server: StreamReader, on: StreamWriter
    ) -> None:
        """Pass one connection on, and count its round trips."""
        await _Link(self).carry(client, back, server, on)

    def wait_until_closed(self, count: int, timeout: float) -> bool:
        """Wait up to `timeout` seconds until at most `count` connections are open.

        Return False after the timeout.
        """
        deadline = time.monotonic() + timeout
        while self.open > count and time.monotonic() < deadline:
            threading.Event().wait(0.002)
        return self.open <= count

    def reset_connections(self) -> None:
        """Count the round trips of every connection from now on."""
        for link in self.links.values():
            link.round_trips = 0

    def count_round_trips(self, pid: int) -> int:
        """Return the round trips of the connection to a backend, or 0 if the backend is unknown."""
        link = self.links.get(pid)
        return link.round_trips if link else 0

    def lose_answer(self, to: str) -> None:
        """Cut the next connection that sends the word `to`, once the server has answered it."""
        self.awaited_word = to.encode()


class _Link:
    """One client's connection, and which side sent last."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.client_sent_last = False
        self.round_trips = 0
        self._has_key = False
        self.lost = False
        self._tail = b""  # the end of the last read: the word may be split between two reads

    async def carry(
        self, client: StreamReader, back: StreamWriter, server: StreamReader, on: StreamWriter
    ) -> None:
        answers = asyncio.create_task(self._answers(server, back))
        try:
            while request := await client.read(READ_SIZE):
                if (
                    not self.client_sent_last
                    and request[:1] != TERMINATE
                    and request[:8] != CANCEL_REQUEST
                ):
                    self.client_sent_last = True
                    self.wire.round_trips += 1
                    self.round_trips += 1
                self._look_for(request)
                on.write(request)
                await on.drain()
        finally:
            on.close()
            answers.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await answers
            back.close()

    def _look_for(self, request: bytes) -> None:
        if word := self.wire.awaited_word:
            sent = self._tail + request
            self._tail = sent[-len(word) :]
            if re.search(rb"%b(?!\w)" % re.escape(word), sent):  # COMMIT, but not READ COMMITTED
                self.wire.awaited_word, self.lost = b"", True

    async def _answers(self, server: StreamReader, back: StreamWriter) -> None:
        while answer := await server.read(READ_SIZE):
            self.client_sent_last = False
            if not self._has_key and (key := BACKEND_KEY.search(answer)):
                self._has_key = True
                self.wire.links[int.from_bytes(key[1])] = self
            if self.lost:
                back.transport.abort()
                return
            back.write(answer)
            await back.drain()
        back.close()  # the server closed: the client's next read reports it


def _through(server: URL, folder: Path) -> URL:
    """Return the URL of the server's database, reached through the proxy's socket."""
    names = server.drivername, server.username, server.password
    query = {**server.query, "host": str(folder)}
    return URL.create(*names, database=server.database, query=query)


def can_watch(server: URL) -> bool:
    """Return whether a wire can connect there: a PostgreSQL on one host, without TLS."""
    has_one_host = isinstance(server.query.get("host", ""), str)
    tls_modes = {server.query.get(name, "disable") for name in TLS_PARAMETERS}
    is_postgresql = server.get_backend_name() == "postgresql"
    return is_postgresql and has_one_host and tls_modes == {"disable"}


@contextmanager
def open_wire(server: URL) -> Iterator[Wire | None]:
    """Open a wire to the server while the block runs; yield None if it cannot be opened."""
    if not can_watch(server):
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="orm-async-"))  # mode 0700: no other user can connect
    wire = Wire(server, folder)
    try:
        with wire.running():
            yield wire
    finally:
        shutil.rmtree(folder)
