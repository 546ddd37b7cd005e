"""Records problems that raise no exception in the caller.

The module records, for example, warnings, logged errors, and tasks that are garbage collected
before they finish.
"""

import asyncio
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from warnings import WarningMessage, catch_warnings, simplefilter


@dataclass
class Troubles:
    errors: list[str] = field(default_factory=list)  # from logs, the event loop and destructors
    pending_tasks: int = 0  # tasks that were garbage collected before they had finished
    warnings: list[WarningMessage] = field(default_factory=list)  # of Python, without any filter

    @property
    def messages(self) -> list[str]:
        """One line for every problem: errors, then lost tasks, then warnings."""
        lost = [f"tasks lost before they had finished: {self.pending_tasks}"]
        warned = [f"{warning.category.__name__}: {warning.message}" for warning in self.warnings]
        return [*self.errors, *(lost if self.pending_tasks else ()), *warned]


class _ErrorRecorder(logging.Handler):
    def __init__(self, errors: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        self._errors.append(f"logged by {record.name}: {record.getMessage()}")


@contextmanager
def record_troubles() -> Iterator[Troubles]:
    """Record the problems that occur during the `with` block.

    An event loop must be running. Do not overlap two blocks, because a block changes settings of
    the whole process.
    """
    troubles = Troubles()
    loop, recorder = asyncio.get_running_loop(), _ErrorRecorder(troubles.errors)
    previous_hook, previous_handler = sys.unraisablehook, loop.get_exception_handler()

    def handle_exception(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None and "task" in context:
            troubles.pending_tasks += 1
        else:
            suffix = "" if error is None else f": {error!r}"
            troubles.errors.append(f"in the event loop: {context['message']}{suffix}")

    def handle_unraisable(unraisable: Any) -> None:
        troubles.errors.append(f"in a destructor or callback: {unraisable.exc_value!r}")

    sys.unraisablehook = handle_unraisable
    loop.set_exception_handler(handle_exception)
    logging.getLogger().addHandler(recorder)
    try:
        with catch_warnings(record=True) as recorded:
            simplefilter("always")
            troubles.warnings = recorded
            yield troubles
    finally:
        logging.getLogger().removeHandler(recorder)
        loop.set_exception_handler(previous_handler)
        sys.unraisablehook = previous_hook


def clear_frames(error: BaseException) -> None:
    """Delete the local variables in the tracebacks of an error and its causes.

    Call `clear_frames()` before you search for leaks. A traceback can keep sessions and connections
    alive.
    """
    cause: BaseException | None = error
    while cause is not None:
        traceback.clear_frames(cause.__traceback__)
        cause = cause.__cause__ or cause.__context__
