"""Calls and serves the web applications of variants."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from httpx import AsyncClient

Address = tuple[str, int]


class Http(AsyncExitStack):
    """Opens clients and servers for ASGI applications, and closes them when the variant ends.

    The function `note` records when a response starts, and when a client disconnects.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self._note = note

    async def client(self, app: Any, raise_app_exceptions: bool = True) -> "AsyncClient":
        """Return an HTTP client that calls the application in this process.

        Errors of the application become responses with status 500 if `raise_app_exceptions` is
        false.
        """
        from httpx import ASGITransport, AsyncClient

        transport = ASGITransport(self._observe(app), raise_app_exceptions=raise_app_exceptions)
        client = AsyncClient(transport=transport, base_url="http://app")
        return await self.enter_async_context(client)

    async def serve(self, app: Any) -> Address:
        from uvicorn import Config, Server
        from uvicorn.protocols.http.auto import AutoHTTPProtocol

        note = self._note

        class ObservedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
            def connection_lost(self, exc: Exception | None) -> None:
                note("the client disconnected")
                super().connection_lost(exc)

        async def stop() -> None:
            server.should_exit = True
            await serving

        listening = socket.create_server(("127.0.0.1", 0))
        server = Server(Config(self._observe(app), http=ObservedProtocol, log_config=None))
        serving = asyncio.create_task(server.serve([listening]))
        self.push_async_callback(stop)
        address: Address = listening.getsockname()
        return address

    def _observe(self, app: Any) -> Any:
        async def observed(scope: Any, receive: Any, send: Any) -> None:
            async def receive_noted() -> Any:
                message = await receive()
                if message["type"] == "http.disconnect":
                    self._note("received http.disconnect")
                return message

            async def send_noted(message: Any) -> None:
                if message["type"] == "http.response.start":
                    self._note(f"sent HTTP {message['status']}")
                await send(message)

            await app(scope, receive_noted, send_noted)

        return observed
