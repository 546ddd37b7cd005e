"""Runs a script in a supported event loop, for example uvloop."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.extras import install_extra
from orm_async_tests.stack_options import UVLOOP

Result = TypeVar("Result")


def run_in_loop(
    name: str, main: Callable[..., Coroutine[Any, Any, Result]], *arguments: Any
) -> Result:
    """Run a coroutine function in a new event loop. Raise CouldNotRun if uvloop is missing."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None  # None: Python chooses
    if name == UVLOOP:
        try:
            from uvloop import new_event_loop as factory
        except ImportError:
            remedy = install_extra("uvloop")
            raise CouldNotRun("uvloop is not installed", "--loop", remedy) from None
    # Block Ctrl-C until asyncio handles it, because an unfinished loop would print a traceback.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    async def unblock_and_run() -> Result:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return await main(*arguments)

    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(unblock_and_run())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
