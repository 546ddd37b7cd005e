"""Gives a variant a web application, worker processes or an Alembic environment."""

import asyncio
import shutil
import socket
import traceback
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from orm_async_tests import db

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

    `note` is a function that is called with a text when an application responds, or when its client
    disconnects.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self._note = note

    async def client(self, app: Any, raise_app_exceptions: bool = True) -> "AsyncClient":
        """Return an HTTP client that calls the application in this process. If the application
        raises an error, the client either raises this error or receives a response with status 500.
        """
        from httpx import ASGITransport, AsyncClient

        transport = ASGITransport(self._observe(app), raise_app_exceptions=raise_app_exceptions)
        client = AsyncClient(transport=transport, base_url="http://app")
        return await self.enter_async_context(client)

    async def serve(self, app: Any) -> Address:
        """Serve the application with uvicorn, and yield its address on this machine."""
        return await self.enter_async_context(_serve(self._observe(app), self._note))

    def _observe(self, app: Any) -> Any:
        """Wrap the application, so that it calls `note` for each response, and when a client
        disconnects.
        """

        async def observed(scope: Any, receive: Any, send: Any) -> None:
            async def receive_noted() -> Any:
                message = await receive()
                if message["type"] == "http.disconnect":
                    self._note("learned that the client had disconnected")
                return message

            async def send_noted(message: Any) -> None:
                if message["type"] == "http.response.start":
                    self._note(f"sent HTTP {message['status']}")
                await send(message)

            await app(scope, receive_noted, send_noted)

        return observed


@asynccontextmanager
async def _serve(app: Any, note: Callable[[str], None]) -> AsyncIterator[Address]:
    from uvicorn import Config, Server
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    class ObservedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
        def connection_lost(self, exc: Exception | None) -> None:
            note("the client disconnected")
            super().connection_lost(exc)

    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(Config(app, http=ObservedProtocol, log_config=None))
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield listening.getsockname()
    finally:
        server.should_exit = True
        await serving


class Processes:
    """Runs a script's coroutine functions in other processes."""

    async def run(
        self,
        function: Callable[Parameters, Awaitable[Result]],
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """Start a new process, import the function's module there, and await the function.

        Return the function's result, or raise its error together with the causes. The result and
        the error must be picklable, because they cross a process boundary.
        """
        from concurrent.futures import ProcessPoolExecutor  # here, because few scripts need them
        from multiprocessing import get_context

        context = get_context("forkserver")
        # Modules are preloaded once per run; later ones are imported.
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
    """Call the function, and return its result. If the function raises, return the error, its
    causes and its traceback separately, because pickle loses the causes and the traceback.
    """

    async def main() -> Any:
        return await function(*arguments, **named)

    db.convert_timeouts()  # the URL was translated in the parent process
    try:
        return asyncio.run(main()), [], ""
    except Exception as error:
        errors: list[BaseException] = [error]
        while cause := errors[-1].__cause__:
            errors.append(cause)
        return None, errors, "".join(traceback.format_exception(error))


@contextmanager
def alembic_environment(*revisions: str, env: str = ENV, **attributes: Any) -> Iterator["Config"]:
    """Create an Alembic environment with these revisions, and delete it when the block ends.

    `revisions` has the texts of the revision files, and `env` is the text of env.py. `attributes`
    become config.attributes. The default env.py passes the attributes to `context.configure()`.
    Yield a Config object for Alembic's commands.
    """
    from alembic.config import Config  # here, since most scripts need none of it

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
