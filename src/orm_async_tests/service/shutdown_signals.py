"""Callbacks for SIGINT and SIGTERM, beside the handlers of the web server."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def call_on_shutdown(*callbacks: Callable[[], object]) -> Iterator[None]:
    """Call the callbacks in the running loop as soon as the process is asked to stop.

    uvicorn waits for open responses before it ends the lifespan, so the lifespan would end a live
    stream too late. The handlers that were installed before are called as well, and a signal
    without a handler still ends the process. Only the main thread receives signals: in any other
    thread nothing is installed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    replaced = {number: handler for number, handler in handlers.items() if callable(handler)}

    def handle(number: int, frame: FrameType | None) -> None:
        for callback in callbacks:
            loop.call_soon_threadsafe(callback)
        replaced[signal.Signals(number)](number, frame)

    for number in replaced:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
