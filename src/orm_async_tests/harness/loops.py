"""The event loops that a script can run in."""

import asyncio
import signal
from collections.abc import Callable

from orm_async_tests.errors import CouldNotRun

DEFAULT, UVLOOP = "asyncio", "uvloop"


def runner(name: str) -> asyncio.Runner:
    """A runner whose loop, of this name, is made already; leaving it as a context closes it.

    Raises CouldNotRun for an unknown name, or if its package is missing.
    """
    made = asyncio.Runner(loop_factory=_factory(name))
    # Ctrl-C waits: half a loop prints a traceback when it is collected.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        made.get_loop()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return made


def _factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if name == DEFAULT:
        return None  # Python's own choice
    if name != UVLOOP:
        raise CouldNotRun(
            f"{name!r} is not an event loop that is known here", "--loop", f"--loop {UVLOOP}"
        )
    try:
        import uvloop
    except ImportError:
        raise CouldNotRun("uvloop is not installed", "--loop", "pip install uvloop") from None
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made
