"""Counts round trips with a proxy between the client and the server.

SQLAlchemy's events are not enough to count round trips, because they do not report BEGIN, PREPARE
and fetches.
"""

import asyncio
import re
import struct
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL

READ_SIZE = 65536  # bytes
PORT = 5432
TERMINATE = b"X"
COPY_IN_RESPONSE = b"G"
CANCEL_REQUEST = struct.pack("!ii", 16, 80877102)
BACKEND_KEY = re.compile(rb"K\0\0\0.(....)", re.DOTALL)  # BackendKeyData, with the PID
TLS_PARAMETERS = ("ssl", "sslmode")

Stream = tuple[StreamReader, StreamWriter]


class LoopThread:
    """An event loop in a separate thread, which works while the caller's event loop is blocked."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def submit(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()


class Proxy(LoopThread, ABC):
    """Connects clients to one server. The parameter `host` is a host name, or the directory of a
    Unix socket.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self.open = 0  # connections that clients have not closed
        self._server = host, port
        self._links: set[asyncio.Task[None] | None] = set()

    @abstractmethod
    async def listen(self) -> asyncio.Server:
        """Listen for clients, and pass every accepted connection to the method `accept()`."""

    @abstractmethod
    async def carry(self, client: Stream, server: Stream) -> None:
        """Forward the data of a connection until the client or the server closes the connection."""

    async def accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        link = asyncio.current_task()
        self._links.add(link)
        self.open += 1
        host, port = self._server
        try:
            if host.startswith("/"):
                server = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            else:
                server = await asyncio.open_connection(host, port)
            await self.carry((reader, writer), server)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self.open -= 1
            self._links.discard(link)

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        links = [link for link in self._links if link]
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        with super().running():
            server = self.submit(self.listen()).result()
            try:
                yield
            finally:
                self.submit(self._close(server)).result()


class Wire(Proxy):
    """A proxy between the observed engines and their server.

    The client's first message on a connection begins a round trip. After every answer, the client's
    next message begins another round trip. The rows that a client sends for a COPY belong to the
    round trip of the COPY. The messages Terminate and CancelRequest begin no round trip,
    because the server never answers them.
    """

    def __init__(self, server: URL, folder: Path) -> None:
        host = str(server.host or server.query.get("host", "127.0.0.1"))
        super().__init__(host, server.port or PORT)
        self.round_trips = 0
        self.links: dict[int, _Link] = {}  # by the backend's process ID
        names = server.drivername, server.username, server.password
        query = {**server.query, "host": str(folder)}  # the folder of the proxy's socket
        self.url = URL.create(*names, database=server.database, query=query)
        self.awaited_word = b""
        self._path = folder / f".s.PGSQL.{PORT}"

    async def listen(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self.accept, self._path)

    async def carry(self, client: Stream, server: Stream) -> None:
        await _Link(self).carry(client, server)

    def wait_until_closed(self, count: int, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while self.open > count and time.monotonic() < deadline:
            threading.Event().wait(0.002)
        return self.open <= count

    def reset_connections(self) -> None:
        for link in self.links.values():
            link.round_trips = 0

    def count_round_trips(self, pid: int) -> int:
        link = self.links.get(pid)
        return link.round_trips if link else 0

    def lose_answer(self, to: str) -> None:
        """Cut the next connection that sends the SQL keyword in the parameter `to`, for example
        "COMMIT". Cut the connection after the server has answered, so that the client never gets
        the answer.
        """
        self.awaited_word = to.encode()


class _Link:
    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.client_sent_last = False
        self.round_trips = 0
        self.lost = False
        self._has_key = False
        self._tail = b""  # the end of the last read, because two reads may split the word

    async def carry(self, client: Stream, server: Stream) -> None:
        (requests, back), (replies, on) = client, server
        answers = asyncio.create_task(self._answers(replies, back))
        try:
            while request := await requests.read(READ_SIZE):
                self._note(request)
                on.write(request)
                await on.drain()
        finally:
            on.close()
            answers.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await answers
            back.close()

    def _note(self, request: bytes) -> None:
        is_answered = request[:1] != TERMINATE and request[:8] != CANCEL_REQUEST
        if is_answered and not self.client_sent_last:
            self.client_sent_last = True
            self.wire.round_trips += 1
            self.round_trips += 1
        if word := self.wire.awaited_word:
            sent = self._tail + request
            self._tail = sent[-len(word) :]
            if re.search(rb"%b(?!\w)" % re.escape(word), sent):  # COMMIT, but not READ COMMITTED
                self.wire.awaited_word, self.lost = b"", True

    async def _answers(self, replies: StreamReader, back: StreamWriter) -> None:
        while answer := await replies.read(READ_SIZE):
            # asyncpg sends the rows of COPY without waiting for this answer, and psycopg waits.
            is_only_message = len(answer) == 1 + int.from_bytes(answer[1:5])
            self.client_sent_last &= answer[:1] == COPY_IN_RESPONSE and is_only_message
            if not self._has_key and (key := BACKEND_KEY.search(answer)):
                self._has_key = True
                self.wire.links[int.from_bytes(key[1])] = self
            if self.lost:
                back.transport.abort()
                return
            back.write(answer)
            await back.drain()
        back.close()  # the server has closed its side


def can_watch(server: URL) -> bool:
    """Return whether a proxy can watch connections to this URL.

    The URL must name exactly one PostgreSQL host, and must not use TLS.
    """
    has_one_host = isinstance(server.query.get("host", ""), str)
    tls_modes = {server.query.get(name, "disable") for name in TLS_PARAMETERS}
    is_postgresql = server.get_backend_name() == "postgresql"
    return is_postgresql and has_one_host and tls_modes == {"disable"}


@contextmanager
def open_wire(server: URL) -> Iterator[Wire | None]:
    """Start a proxy in front of the server, and yield the proxy. Yield None if no proxy can watch
    connections to this server.
    """
    if not can_watch(server):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="orm-async-") as folder:  # no other user can connect
        wire = Wire(server, Path(folder))
        with wire.running():
            yield wire
