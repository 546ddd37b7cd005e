"""A proxy on loopback that cuts or silences a connection at the k-th message of its client."""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.wire.proxy import READ_SIZE, Proxy

PORT = 5432
CANCEL_REQUEST = 80877102
ANSWERED = {b"", b"Q", b"S", b"H", b"c", b"p"}  # messages that a server answers; "" is startup
ANSWER_WITHIN = 1.0  # seconds that the proxy waits for the server's answer before it cuts
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST, and not FIN


class Network(Proxy):
    """Passes connections on, and counts what clients send since `arm` was last called."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self.sent = 0
        self.cut = False
        self.port = 0
        self.silent = False  # whether nothing passes, on any connection
        self.down = False  # whether each new connection is cut
        self._at = 0
        self._how = ("before", "reset")
        self._quiet: set[_Link] = set()

    async def listen(self) -> asyncio.Server:
        """Listen on a port of this machine: a reset is TCP's."""
        server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def carry(
        self, client: StreamReader, back: StreamWriter, server: StreamReader, on: StreamWriter
    ) -> None:
        """Pass one connection's messages on, and cut it where it is due."""
        link = _Link(self, (client, back), (server, on))
        if self.down:
            link.close(abort=True)
        else:
            await link.carry()

    def arm(self, at: int, moment: str, ending: str) -> None:
        """Act at message `at` from now on, "before" or "after" it.

        By a "reset" or a "fin" of its connection, a "stall" of it, a "partition" of all, or "down":
        a reset, and one of each connection that is made later.
        """
        self.sent, self.cut, self._at, self._how = 0, False, at, (moment, ending)

    def due(self) -> bool:
        """Count a message, and say whether it is the one to cut at."""
        self.sent += 1
        return self.sent == self._at

    async def end(self, link: "_Link") -> None:
        """Cut this connection on both sides, or silence it: it stays open, and nothing passes.

        A stall after a message is of one direction: the server still hears the client.
        """
        moment, ending = self._how
        if moment == "after":
            await link.answered()
        self.cut = True
        self.down = ending == "down"
        if ending in ("reset", "fin", "down"):
            link.close(abort=ending != "fin")
            return
        self.silent = ending == "partition"
        link.unheard = moment == "before"
        self.note(link)

    def note(self, link: "_Link") -> None:
        """Something of this connection was lost: it is of no more use when the silence ends."""
        self._quiet.add(link)

    def heal(self) -> None:
        """Be as before, and act no more: after a silence both sides learn that it was cut."""
        asyncio.run_coroutine_threadsafe(self._heal(), self._loop).result()

    async def _heal(self) -> None:
        self._at, self.silent, self.down = 0, False, False
        while self._quiet:
            self._quiet.pop().close(abort=True)

    @property
    def lets_pass(self) -> bool:
        """Whether the message to cut at still reaches the server."""
        return self._how[0] == "after"


class _Link:
    """One client's connection."""

    def __init__(
        self,
        network: Network,
        client: tuple[StreamReader, StreamWriter],
        server: tuple[StreamReader, StreamWriter],
    ) -> None:
        self._network = network
        self._client, self._back = client
        self._server, self._on = server
        self._kind = b""
        self.unheard = False  # whether the server hears nothing more of this client
        self._held = False  # whether answers are kept from the client
        self._answer = asyncio.Event()
        self._closed = asyncio.Event()

    async def carry(self) -> None:
        """Pass messages on, until a side hangs up or the connection is cut."""
        answers = asyncio.create_task(self._answers())
        try:
            await self._pass(first=True)
            while await self._pass(first=False):
                pass
        except (OSError, asyncio.IncompleteReadError):  # the client hung up
            if self._unheard:
                await self._closed.wait()
        finally:
            answers.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await answers
            self.close(abort=False)

    async def answered(self) -> None:
        """Wait until the server has answered, if it answers such a message at all."""
        if self._kind in ANSWERED:
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_WITHIN):
                    await self._answer.wait()

    def close(self, *, abort: bool) -> None:
        """Close both sides: by RST, or after what was sent."""
        self._closed.set()
        for writer in (self._back, self._on):
            if not abort:
                writer.close()
                continue
            link: socket.socket | None = writer.get_extra_info("socket")
            if link is not None and link.family != socket.AF_UNIX:
                with suppress(OSError):
                    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            writer.transport.abort()

    async def _pass(self, *, first: bool) -> bool:
        """Pass a message on, if the server is to hear it; whether there is another one to come."""
        self._kind = b"" if first else await self._client.readexactly(1)
        head = await self._client.readexactly(4)
        body = await self._client.readexactly(struct.unpack("!i", head)[0] - 4)
        cancels = first and struct.unpack("!i", body[:4])[0] == CANCEL_REQUEST
        due = not cancels and self._network.due()
        if due:
            self._held = True
            self._answer.clear()
        if self._unheard:
            self._network.note(self)
        elif not due or self._network.lets_pass:
            self._on.write(self._kind + head + body)
            await self._on.drain()
        if due:
            await self._network.end(self)
        return not self._closed.is_set()

    async def _answers(self) -> None:
        while answer := await self._server.read(READ_SIZE):
            self._answer.set()
            if self._network.silent:
                self._network.note(self)
            elif not self._held:
                self._back.write(answer)
                await self._back.drain()
        if not self._held and not self._network.silent:
            self._back.close()  # the server hung up: the client's next read says so

    @property
    def _unheard(self) -> bool:
        return self.unheard or self._network.silent


@contextmanager
def through(host: str, port: int) -> Iterator[Network]:
    """A network to this server while the block runs."""
    network = Network(host, port)
    with network.running():
        yield network


def refuse_tls(parameters: dict[str, object]) -> None:
    """Raises CouldNotRun where connections are encrypted: nothing between could be counted."""
    if parameters.get("ssl") or parameters.get("sslmode") not in (None, "disable", "prefer"):
        raise CouldNotRun(
            "messages of an encrypted connection cannot be counted",
            "the engine's ssl or sslmode",
            "an engine without TLS, or the faults of tasks, such as cancel",
        )
