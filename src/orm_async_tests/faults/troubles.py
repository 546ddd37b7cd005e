"""What nobody was told: warnings, logged errors, lost exceptions, and errors of destructors."""

import asyncio
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Errors(logging.Handler):
    """Notes what libraries log as errors, which is where they put what they cannot raise."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.append(f"logged by {record.name}: {record.getMessage()}")


@contextmanager
def overheard() -> Iterator[list[str]]:
    """A list that fills while the block runs; what was set up before is put back."""
    heard: list[str] = []
    loop, handler = asyncio.get_running_loop(), _Errors(heard)
    hook, lost = sys.unraisablehook, loop.get_exception_handler()

    def unhandled(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        heard.append(f"event loop: {context['message']} {context.get('exception', '')!r}")

    sys.unraisablehook = lambda lost: heard.append(f"unraisable: {lost.exc_value!r}")
    loop.set_exception_handler(unhandled)
    logging.getLogger().addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield heard
        heard += [f"{each.category.__name__}: {each.message}" for each in caught]
    finally:
        logging.getLogger().removeHandler(handler)
        loop.set_exception_handler(lost)
        sys.unraisablehook = hook
