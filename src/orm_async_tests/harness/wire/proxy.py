"""The base of the proxies: listen in a thread, pass connections on, stop with the block."""

import asyncio
import threading
from abc import ABC, abstractmethod
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager

READ_SIZE = 65536  # bytes


class Proxy(ABC):
    """Connect clients to one server, given by host and port or by its socket's directory."""

    def __init__(self, host: str, port: int) -> None:
        self.open = 0  # connections that clients have not closed
        self._server = host, port
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._links: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def listen(self) -> asyncio.Server:
        """Listen, and pass accepted connections to `accept`."""

    @abstractmethod
    async def carry(
        self, client: StreamReader, back: StreamWriter, server: StreamReader, on: StreamWriter
    ) -> None:
        """Pass one connection on until one side closes it."""

    async def accept(self, client: StreamReader, back: StreamWriter) -> None:
        """Connect a client to the server."""
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        self.open += 1
        try:
            await self.carry(client, back, *await self._connect())
        except (OSError, asyncio.CancelledError):
            back.transport.abort()
        finally:
            self.open -= 1
            self._links.discard(link)

    async def _connect(self) -> tuple[StreamReader, StreamWriter]:
        host, port = self._server
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async def _serve(self, listening: threading.Event) -> None:
        server = await self.listen()
        listening.set()
        await self._stop.wait()
        server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def _run(self, listening: threading.Event) -> None:
        self._loop.run_until_complete(self._serve(listening))
        self._loop.close()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve while the block runs."""
        listening = threading.Event()
        name = type(self).__name__
        thread = threading.Thread(target=self._run, args=[listening], name=name, daemon=True)
        thread.start()
        listening.wait()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join()
