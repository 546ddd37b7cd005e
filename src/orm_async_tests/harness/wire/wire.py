"""Counts round trips with a proxy between the client and the server.

SQLAlchemy's events are not enough, because they do not report BEGIN, PREPARE and fetches.
"""

import asyncio
import re
import struct
import tempfile
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL

from orm_async_tests.harness.wire.proxy import CANCEL_REQUEST, READ_SIZE, Proxy, Stream
from orm_async_tests.urls import DEFAULT_PORT

TERMINATE = b"X"
COPY_IN_RESPONSE = b"G"
CANCEL_START = struct.pack("!i", 16) + CANCEL_REQUEST  # with the length of the message
BACKEND_KEY = re.compile(rb"K\0\0\0.(....)", re.DOTALL)  # BackendKeyData, with the PID
TLS_PARAMETERS = ("ssl", "sslmode")


class Wire(Proxy):
    """A proxy that counts round trips.

    The first message of a client begins a round trip. The next message after an answer begins
    another round trip. The rows of a COPY count as part of the COPY's round trip.
    """

    def __init__(self, server: URL, folder: Path) -> None:
        host = str(server.host or server.query.get("host", "127.0.0.1"))
        super().__init__(host, server.port or DEFAULT_PORT)
        self.round_trips = 0
        self.links: dict[int, _CountedLink] = {}  # by the backend's process ID
        names = server.drivername, server.username, server.password
        query = {**server.query, "host": str(folder)}  # the folder of the proxy's socket
        self.url = URL.create(*names, database=server.database, query=query)
        self.awaited_word = b""
        self._path = folder / f".s.PGSQL.{DEFAULT_PORT}"

    async def listen(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self.accept, self._path)

    async def carry(self, client: Stream, server: Stream) -> None:
        await _CountedLink(self).carry(client, server)

    def wait_until_closed(self, count: int, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while self.open > count and time.monotonic() < deadline:
            time.sleep(0.002)
        return self.open <= count

    def reset_connections(self) -> None:
        for link in self.links.values():
            link.round_trips = 0

    def count_round_trips(self, pid: int) -> int | None:
        """Return the round trips of a backend, or None if its connection bypasses the proxy."""
        link = self.links.get(pid)
        return link.round_trips if link else None

    def lose_answer(self, to: str) -> None:
        """Cut the next connection that sends a keyword, for example "COMMIT".

        The server executes the statement, but the client never gets the answer.
        """
        self.awaited_word = to.encode()


class _CountedLink:
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
        # The server never answers Terminate and CancelRequest.
        is_answered = request[:1] != TERMINATE and request[:8] != CANCEL_START
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
            if answer[:1] != COPY_IN_RESPONSE or not is_only_message:
                self.client_sent_last = False
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
    """Return whether a proxy can count the round trips to a server.

    The proxy needs one PostgreSQL host without TLS.
    """
    has_one_host = isinstance(server.query.get("host", ""), str)
    tls_modes = {server.query.get(name, "disable") for name in TLS_PARAMETERS}
    is_postgresql = server.get_backend_name() == "postgresql"
    return is_postgresql and has_one_host and tls_modes == {"disable"}


@contextmanager
def open_wire(server: URL) -> Iterator[Wire | None]:
    """Yield a proxy in front of the server, or None if a proxy is not possible."""
    if not can_watch(server):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="orm-async-") as folder:  # no other user can connect
        wire = Wire(server, Path(folder))
        with wire.running():
            yield wire
