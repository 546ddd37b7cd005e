"""Runs a script in one of the supported event loops."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from orm_async_tests.errors import CouldNotRun, install_extra
from orm_async_tests.stack_options import DEFAULT_LOOP, UVLOOP

Result = TypeVar("Result")


def run(name: str, main: Callable[..., Coroutine[Any, Any, Result]], *arguments: Any) -> Result:
    """Run `main` in a new event loop of the given kind, and return the result of `main`.

    Raise CouldNotRun if the kind of event loop is unknown, or if its package is not installed.
    """
    # Block Ctrl-C until asyncio handles it: a loop that is half built prints a traceback.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    async def unblock_and_run() -> Result:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return await main(*arguments)

    try:
        with asyncio.Runner(loop_factory=_factory(name)) as runner:
            return runner.run(unblock_and_run())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if name == DEFAULT_LOOP:
        return None  # Python's own choice
    if name != UVLOOP:
        raise CouldNotRun(
            f"there is no event loop {name!r}",
            "--loop",
            f"--loop {DEFAULT_LOOP} or --loop {UVLOOP}",
        )
    try:
        import uvloop
    except ImportError:
        raise CouldNotRun("uvloop is not installed", "--loop", install_extra("uvloop")) from None
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return new_event_loop
