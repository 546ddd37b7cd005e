"""Provides web servers, worker processes and Alembic environments to variants."""

import asyncio
import shutil
import socket
import traceback
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from orm_async_tests import urls

if TYPE_CHECKING:
    from alembic.config import Config
    from httpx import AsyncClient

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Address = tuple[str, int]
ENV = """
from alembic import context
context.configure(**context.config.attributes)
with context.begin_transaction():
    context.run_migrations()
"""


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


class Processes:
    """Runs coroutine functions in other processes."""

    async def run(
        self,
        function: Callable[Parameters, Awaitable[Result]],
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """Await the function in a new process, and return its result or raise its error.

        The result and the error must be picklable.
        """
        from concurrent.futures import ProcessPoolExecutor  # a slow import
        from multiprocessing import get_context

        context = get_context("forkserver")
        # The server process of `forkserver` imports the first module only once for all calls.
        context.set_forkserver_preload([function.__module__])
        loop = asyncio.get_running_loop()
        result: Result
        with ProcessPoolExecutor(1, context) as executor:
            call = loop.run_in_executor(executor, _call, function, arguments, named)
            result, errors, trace = await call
        for error, cause in pairwise(errors):
            error.__cause__ = cause
        if errors:
            errors[0].add_note(f"In the other process:\n{trace}")
            raise errors[0]
        return result


def _call(
    function: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...], named: dict[str, Any]
) -> tuple[Any, list[BaseException], str]:
    """Return the result, the error with its causes, and the traceback."""

    async def main() -> Any:
        return await function(*arguments, **named)

    urls.convert_timeouts()  # as the parent process did
    try:
        return asyncio.run(main()), [], ""
    except Exception as error:
        # Pickle would drop the causes and the traceback of the error.
        errors: list[BaseException] = [error]
        while cause := errors[-1].__cause__:
            errors.append(cause)
        return None, errors, "".join(traceback.format_exception(error))


@contextmanager
def alembic_environment(*revisions: str, env: str = ENV, **attributes: Any) -> Iterator["Config"]:
    """Create a temporary Alembic environment, and yield its Config.

    The parameters `revisions` and `env` are the texts of the revision files and of env.py. The
    default env.py passes `attributes` to `context.configure()`.
    """
    from alembic.config import Config  # a slow import

    with TemporaryDirectory() as folder:
        config = Config(attributes=attributes, cmd_opts=Namespace(quiet=True))
        config.set_main_option("script_location", folder.replace("%", "%%"))
        shutil.copy(Path(config.get_template_directory(), "generic", "script.py.mako"), folder)
        Path(folder, "env.py").write_text(env, "utf-8")
        versions = Path(folder, "versions")
        versions.mkdir()
        for number, revision in enumerate(revisions):
            (versions / f"{number}.py").write_text(revision, "utf-8")
        yield config
