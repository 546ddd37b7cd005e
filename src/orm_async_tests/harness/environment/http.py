"""Web applications in front of a variant: requests within the process, and over a socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from httpx import AsyncClient

Address = tuple[str, int]


class Http(AsyncExitStack):
    """Open clients and servers for ASGI applications, and close them when the variant ends."""

    async def __aenter__(self) -> Self:
        return await super().__aenter__()

    async def client(self, app: Any, raise_app_exceptions: bool = True) -> "AsyncClient":
        """A client that calls the application in this process; errors are raised, or a 500."""
        from httpx import ASGITransport, AsyncClient

        transport = ASGITransport(app, raise_app_exceptions=raise_app_exceptions)
        client = AsyncClient(transport=transport, base_url="http://app")
        return await self.enter_async_context(client)

    async def serve(self, app: Any) -> Address:
        """The loopback address at which uvicorn serves the application."""
        return await self.enter_async_context(_served(app))


@asynccontextmanager
async def _served(app: Any) -> AsyncIterator[Address]:
    from uvicorn import Config, Server

    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(Config(app, log_config=None))
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield listening.getsockname()
    finally:
        server.should_exit = True
        await serving
