"""What contenders send, read on the wire; and a network between them and the server."""

import asyncio
import struct
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from sqlalchemy import URL

from orm_async_tests.harness.wire.wire import Wire, can_watch

HEADER = struct.Struct("!ci")  # a message's kind and length
LENGTH = struct.Struct("!i")
REQUEST_FOR_TLS = 8  # bytes; what starts a connection has more


class Tap(Wire):
    """Counts round trips as Wire does, and statements; delays the first part of each answer."""

    def __init__(self, server: URL, folder: Path) -> None:
        super().__init__(server, folder)
        self.statements: Counter[str] = Counter()
        self.delay = 0.0  # seconds that a round trip takes longer

    async def carry(
        self, client: StreamReader, back: StreamWriter, server: StreamReader, on: StreamWriter
    ) -> None:
        """Pass one connection on, and read what its client sends."""
        sent = _Sent(client, self)
        await super().carry(sent, back, _Late(server, self, sent), on)

    def forget(self) -> None:
        """Count from here."""
        self.statements = Counter()
        self.round_trips = 0


class _Sent(StreamReader):
    """A client's messages: each execution of a statement is counted, whatever prepared it."""

    def __init__(self, client: StreamReader, tap: Tap) -> None:
        super().__init__()
        self.client, self.tap = client, tap
        self.asked = False  # and not answered yet
        self._prepared: dict[bytes, str] = {}
        self._rest = bytearray()
        self._started = False

    async def read(self, n: int = -1) -> bytes:
        data = await self.client.read(n)
        self.asked = True
        self._rest += data
        del self._rest[: self._read_messages()]
        return data

    def _read_messages(self) -> int:
        """The bytes of the messages that are whole, which are read."""
        at = 0
        while not self._started and len(self._rest) >= at + LENGTH.size:
            (length,) = LENGTH.unpack_from(self._rest, at)
            if len(self._rest) < at + length:
                return at
            self._started = length > REQUEST_FOR_TLS
            at += length
        while len(self._rest) >= at + HEADER.size:
            kind, length = HEADER.unpack_from(self._rest, at)
            if len(self._rest) < at + 1 + length:
                break
            if kind in b"PBQ":
                self._note(kind, bytes(self._rest[at + HEADER.size : at + 1 + length]))
            at += 1 + length
        return at

    def _note(self, kind: bytes, body: bytes) -> None:
        first, _, rest = body.partition(b"\0")
        if kind == b"Q":
            self.tap.statements[_flat(first)] += 1
        elif kind == b"P":
            self._prepared[first] = _flat(rest.partition(b"\0")[0])
        else:
            self.tap.statements[self._prepared[rest.partition(b"\0")[0]]] += 1


class _Late(StreamReader):
    """A server's answers, the first part of each one late."""

    def __init__(self, server: StreamReader, tap: Tap, sent: _Sent) -> None:
        super().__init__()
        self.server, self.tap, self.sent = server, tap, sent

    async def read(self, n: int = -1) -> bytes:
        data = await self.server.read(n)
        if self.sent.asked:
            self.sent.asked = False
            if self.tap.delay:
                await asyncio.sleep(self.tap.delay)
        return data


def _flat(statement: bytes) -> str:
    return " ".join(statement.decode().split())


@contextmanager
def tapped(server: URL) -> Iterator[Tap | None]:
    """A tap on the server while the block runs; None if there can be none."""
    if not can_watch(server):
        yield None
        return
    folder = Path(mkdtemp(prefix="orm-async-"))  # mode 0700: nobody else can connect
    tap = Tap(server, folder)
    try:
        with tap.running():
            yield tap
    finally:
        rmtree(folder)
