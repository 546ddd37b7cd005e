"""Round trips, counted on the wire: no event of SQLAlchemy sees BEGIN, prepare or a fetch."""

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

from orm_async_tests.harness.wire.proxy import READ, Proxy

PORT = 5432
TERMINATE = b"X"
CANCEL_REQUEST = struct.pack("!ii", 16, 80877102)
TLS = ("ssl", "sslmode")


class Wire(Proxy):
    """A proxy in a thread of its own, between the engines that are observed and their server.

    A round trip is a client's turn to speak: bytes that it sends first, or after the server has
    spoken. Terminate and CancelRequest are never answered and do not count.
    """

    def __init__(self, server: URL, folder: Path) -> None:
        host = str(server.host or server.query.get("host", "127.0.0.1"))
        super().__init__(host, server.port or PORT)
        self.round_trips = 0
        self.url = _through(server, folder)
        self.losing = b""
        self._path = folder / f".s.PGSQL.{PORT}"

    async def listen(self) -> asyncio.Server:
        """Listen on a socket in the folder."""
        return await asyncio.start_unix_server(self.accept, self._path)

    async def carry(
        self, client: StreamReader, back: StreamWriter, server: StreamReader, on: StreamWriter
    ) -> None:
        """Pass one connection on, and count its client's turns."""
        await _Link(self).carry(client, back, server, on)

    def closed(self, down_to: int, within: float) -> bool:
        """Whether at most `down_to` connections are left `within` seconds."""
        deadline = time.monotonic() + within
        while self.open > down_to and time.monotonic() < deadline:
            threading.Event().wait(0.002)
        return self.open <= down_to

    def lose_answer(self, to: str) -> None:
        """Cut the next connection on which this word is sent, once the server has answered it."""
        self.losing = to.encode()


class _Link:
    """One client's connection: whose turn it was last."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.client_spoke = False
        self.lost = False
        self._tail = b""  # of what was sent: a search text may be cut between two reads

    async def carry(
        self, client: StreamReader, back: StreamWriter, server: StreamReader, on: StreamWriter
    ) -> None:
        answers = asyncio.create_task(self._answers(server, back))
        try:
            while request := await client.read(READ):
                if (
                    not self.client_spoke
                    and request[:1] != TERMINATE
                    and request[:8] != CANCEL_REQUEST
                ):
                    self.client_spoke = True
                    self.wire.round_trips += 1
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
        if sought := self.wire.losing:
            sent = self._tail + request
            self._tail = sent[-len(sought) :]
            if re.search(rb"%b(?!\w)" % re.escape(sought), sent):  # COMMIT, and not READ COMMITTED
                self.wire.losing, self.lost = b"", True

    async def _answers(self, server: StreamReader, back: StreamWriter) -> None:
        while answer := await server.read(READ):
            self.client_spoke = False
            if self.lost:
                back.transport.abort()
                return
            back.write(answer)
            await back.drain()
        back.close()  # the server hung up: the client's next read says so


def _through(server: URL, folder: Path) -> URL:
    """The same database by the socket in the folder."""
    names = server.drivername, server.username, server.password
    query = {**server.query, "host": str(folder)}
    return URL.create(*names, database=server.database, query=query)


def can_watch(server: URL) -> bool:
    """Whether a wire can lead there: to a PostgreSQL on one host, without TLS."""
    one = isinstance(server.query.get("host", ""), str)
    return server.get_backend_name() == "postgresql" and one and not set(TLS) & set(server.query)


@contextmanager
def watched(server: URL) -> Iterator[Wire | None]:
    """A wire to the server while the block runs; None if there can be none."""
    if not can_watch(server):
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="orm-async-"))  # mode 0700: nobody else can connect
    wire = Wire(server, folder)
    try:
        with wire.running():
            yield wire
    finally:
        shutil.rmtree(folder)
