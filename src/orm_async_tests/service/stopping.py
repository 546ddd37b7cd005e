"""Streams that would go on for an hour end as soon as the process is told to stop."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def told_to_stop(*stops: Callable[[], object]) -> Iterator[None]:
    """Call these in the running loop at SIGINT and SIGTERM, before the handlers there are.

    uvicorn waits for open answers before it ends the lifespan, so that would be too late. A signal
    without a handler still ends the process. Outside the main thread none arrives.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    found = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in found.items() if callable(handler)}

    def handle(number: int, frame: Any) -> None:
        for stop in stops:
            loop.call_soon_threadsafe(stop)
        before[signal.Signals(number)](number, frame)

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
