"""Runs a proxy between clients and a server in a separate thread."""

import asyncio
import struct
import threading
from abc import ABC, abstractmethod
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

READ_SIZE = 65536  # bytes
CANCEL_REQUEST = struct.pack("!i", 80877102)  # what follows the length of a CancelRequest

Stream = tuple[StreamReader, StreamWriter]


class LoopThread:
    """An event loop in a separate thread, which works while the caller's loop is blocked."""

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
    """Connects clients to one server.

    The parameter `host` is a name, an address or the folder of a Unix socket.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self.open = 0  # connections that clients have not closed
        self._server = host, port
        self._links: set[asyncio.Task[None] | None] = set()

    @abstractmethod
    async def listen(self) -> asyncio.Server:
        """Listen for clients, and call `accept()` for every connection."""

    @abstractmethod
    async def carry(self, client: Stream, server: Stream) -> None:
        """Forward data until one side closes the connection."""

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
