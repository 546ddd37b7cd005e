"""The line of the user's code that is running."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import greenlet

ASYNCIO, HERE = str(Path(asyncio.__file__).parent), str(Path(__file__).parent)
HARNESS = str(Path(HERE).parent)  # it creates tasks for the user's code
LOOP = str(Path(ASYNCIO, "events.py"))  # what called it did not cause what runs now
NOWHERE = "", 0

IsUser = Callable[[str], bool]  # whether a file, by its path, is the user's


class CallLines:
    """Finds lines of the files for which `is_user` is true."""

    def __init__(self, is_user: IsUser) -> None:
        self._belongs = is_user
        self._cache: dict[str, bool] = {}

    def find(self) -> tuple[str, int]:
        """Return the file and the number of the innermost line of the user's code.

        SQLAlchemy runs in a greenlet. The frames that await SQLAlchemy are in the parent greenlet.
        """
        line = self._search(sys._getframe(1))
        parent = greenlet.getcurrent().parent
        while line is NOWHERE and parent is not None:
            line = self._search(parent.gr_frame)
            parent = parent.parent
        return line

    def is_called_by_user(self) -> bool:
        """Return whether the user's code called asyncio, without a library between them."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            file = frame.f_code.co_filename
            if self.is_user(file) or not file.startswith((ASYNCIO, HARNESS)):
                return self.is_user(file)
            if frame.f_code.co_name == "wait_for":  # until Python 3.11 it creates a task
                return False
            frame = frame.f_back
        return False

    def _search(self, frame: FrameType | None) -> tuple[str, int]:
        known = self._cache
        while frame is not None:
            file = frame.f_code.co_filename
            if known[file] if file in known else self.is_user(file):
                return file, frame.f_lineno
            if file == LOOP:
                return NOWHERE
            frame = frame.f_back
        return NOWHERE

    def is_user(self, file: str) -> bool:
        """Return whether a file is the user's."""
        if file not in self._cache:
            self._cache[file] = not file.startswith(HERE) and self._belongs(file)
        return self._cache[file]
