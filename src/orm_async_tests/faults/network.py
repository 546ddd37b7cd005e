"""Provides a proxy that injects network faults, for example a reset connection."""

import asyncio
import socket
import struct
from contextlib import suppress

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.wire.proxy import CANCEL_REQUEST, READ_SIZE, Proxy, Stream

ANSWERED = {b"", b"Q", b"S", b"H", b"c", b"p"}  # the types that a server answers; "" is startup
ANSWER_WITHIN = 1.0  # seconds that the proxy waits for the server's answer before it cuts
ABORT = struct.pack("ii", 1, 0)  # a value of SO_LINGER: close() sends RST instead of FIN


class Network(Proxy):
    """A proxy that counts messages and injects one fault."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self.port = 0
        self.silenced: set[_Link] = set()  # connections that have lost data
        self.is_silent = False  # whether no connection passes anything
        self.is_down = False  # whether new connections are reset
        self.arm(0, "before", "reset")

    async def listen(self) -> asyncio.Server:
        # A connection over a Unix socket cannot be reset.
        server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def carry(self, client: Stream, server: Stream) -> None:
        link = _Link(self, client, server)
        if self.is_down:
            link.close(abort=True)
        else:
            await link.carry()

    def arm(self, at: int, moment: str, kind: str) -> None:
        """Count messages, and inject the fault "before" or "after" message number `at`.

        The faults "reset", "fin" and "stall" affect only the connection that carries the message.
        The fault "partition" silences all connections. The fault "down" resets the connection that
        carries the message, and all new connections.
        """
        self.sent, self.is_delivered = 0, False
        self.at, self.moment, self.kind = at, moment, kind

    def heal(self) -> None:
        """End the fault, and close the silenced connections."""

        async def heal_in_loop() -> None:
            self.at, self.is_silent, self.is_down = 0, False, False
            while self.silenced:
                self.silenced.pop().close(abort=True)

        self.submit(heal_in_loop()).result()


class _Link:
    """The connection of one client through the proxy."""

    def __init__(self, network: Network, client: Stream, server: Stream) -> None:
        self._network = network
        (self._client, self._back), (self._server, self._on) = client, server
        self._is_muted = False  # whether the server receives nothing more from this client
        self._withholds = False  # whether the client receives nothing more
        self._answer = asyncio.Event()
        self._closed = asyncio.Event()

    async def carry(self) -> None:
        answers = asyncio.create_task(self._pass_answers())
        try:
            await self._pass_message(b"")  # the startup message has no type
            while not self._closed.is_set():
                await self._pass_message(await self._client.readexactly(1))
        except (OSError, asyncio.IncompleteReadError):  # the client closed
            if self._is_unheard:
                await self._closed.wait()
        finally:
            answers.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await answers
            self.close(abort=False)

    def close(self, *, abort: bool) -> None:
        """Close both connections, with a TCP RST if `abort` is true."""
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

    async def _pass_message(self, type_: bytes) -> None:
        """Forward one message, and inject the fault if it is due."""
        network = self._network
        head = await self._client.readexactly(4)
        body = await self._client.readexactly(struct.unpack("!i", head)[0] - 4)
        is_counted = bool(type_) or not body.startswith(CANCEL_REQUEST)
        network.sent += is_counted
        is_due = is_counted and network.sent == network.at
        if is_due:
            self._withholds = True
            self._answer.clear()
        if self._is_unheard:
            network.silenced.add(self)
        elif not is_due or network.moment == "after":
            self._on.write(type_ + head + body)
            await self._on.drain()
        if is_due:
            await self._inject(has_answer=type_ in ANSWERED)

    async def _inject(self, *, has_answer: bool) -> None:
        """Close or silence this connection."""
        network = self._network
        if network.moment == "after" and has_answer:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._answer.wait(), ANSWER_WITHIN)
        network.is_delivered = True
        network.is_down = network.kind == "down"
        if network.kind in ("reset", "fin", "down"):
            self.close(abort=network.kind != "fin")
            return
        network.is_silent = network.kind == "partition"
        # After the fault `stall-after`, messages still reach the server, but answers get lost.
        self._is_muted = network.moment == "before"
        network.silenced.add(self)

    async def _pass_answers(self) -> None:
        while answer := await self._server.read(READ_SIZE):
            self._answer.set()
            if self._network.is_silent:
                self._network.silenced.add(self)
            elif not self._withholds:
                self._back.write(answer)
                await self._back.drain()
        if not self._withholds and not self._network.is_silent:
            self._back.close()  # the server closed, and the client's next read has to see that

    @property
    def _is_unheard(self) -> bool:
        return self._is_muted or self._network.is_silent


def refuse_tls(parameters: dict[str, object]) -> None:
    """Raise CouldNotRun if the connection is encrypted."""
    if parameters.get("ssl") or parameters.get("sslmode") not in (None, "disable", "prefer"):
        raise CouldNotRun(
            "a fault sweep cannot count the messages of an encrypted connection",
            "the engine's setting `ssl` or `sslmode`",
            "add the option --fault cancel, or connect without TLS",
        )
