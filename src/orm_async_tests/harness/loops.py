"""The event loops that a script can run in."""

import asyncio
from collections.abc import Callable

from orm_async_tests.errors import CouldNotRun

DEFAULT, UVLOOP = "asyncio", "uvloop"


def factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes loops of this name; None for Python's own choice.

    Raises CouldNotRun for an unknown name, or if its package is missing.
    """
    if name == DEFAULT:
        return None
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
