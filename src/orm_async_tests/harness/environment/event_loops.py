"""The event loops that a script can run in."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.stack_options import DEFAULT_LOOP, UVLOOP

Result = TypeVar("Result")


def run(name: str, main: Callable[..., Coroutine[Any, Any, Result]], *arguments: Any) -> Result:
    """What main gives, in a new event loop of this name.

    Raises CouldNotRun for an unknown name, or if its package is missing.
    """
    # Ctrl-C waits until asyncio handles it: half a loop prints a traceback when it is collected.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    async def begun() -> Result:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return await main(*arguments)

    try:
        with asyncio.Runner(loop_factory=_factory(name)) as runner:
            return runner.run(begun())
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
        raise CouldNotRun("uvloop is not installed", "--loop", "pip install uvloop") from None
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made
