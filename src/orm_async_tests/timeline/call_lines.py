"""Finds the line of the user's code that is running."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import greenlet

ASYNCIO, HERE = str(Path(asyncio.__file__).parent), str(Path(__file__).parent)
HARNESS = str(Path(HERE).parent)  # it creates tasks for the user's code
LOOP = str(Path(ASYNCIO, "events.py"))  # what called it did not cause what runs now
LIBRARY, USER, CREATES_TASKS, END = range(4)  # what a file is
Place = tuple[str, int]  # a file and the number of a line
NOWHERE: Place = "", 0

IsUser = Callable[[str], bool]  # whether a file, by its path, is the user's


class CallLines(dict[str, int]):
    """Finds the user's lines on the stack, and remembers which files belong to the user."""

    def __init__(self, is_user: IsUser) -> None:
        self._is_user = is_user

    def __missing__(self, file: str) -> int:
        if not file.startswith(HERE) and self._is_user(file):
            self[file] = USER
        elif file == LOOP:
            self[file] = END
        else:
            self[file] = CREATES_TASKS if file.startswith((ASYNCIO, HARNESS)) else LIBRARY
        return self[file]

    def find(self, skipped: int = 0) -> Place:
        """Return the file and the line number of the user's innermost line on the stack.

        `skipped` is how many of the calling frames are certainly not the user's.
        """
        return self._search(sys._getframe(2 + skipped))

    def find_creator(self) -> tuple[bool, Place]:
        """Return whether the user's code itself creates a task, and the user's innermost line on
        the stack.

        The first value is False if a library creates the task, or if asyncio creates it for itself.
        """
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and self[frame.f_code.co_filename] == CREATES_TASKS:
            if frame.f_code.co_name == "wait_for":  # until Python 3.11 it creates a task
                break
            frame = frame.f_back
        is_user = frame is not None and self[frame.f_code.co_filename] == USER
        return is_user, self._search(frame)

    def _search(self, frame: FrameType | None) -> Place:
        """Search the stack from this frame to its callers.

        SQLAlchemy runs in a greenlet. After the last frame of a greenlet, the search continues in
        the parent greenlet. The frames that await SQLAlchemy are in the parent greenlet.
        """
        parent = greenlet.getcurrent().parent
        while True:
            while frame is not None:
                if kind := self[frame.f_code.co_filename]:
                    if kind == USER:
                        return frame.f_code.co_filename, frame.f_lineno
                    if kind == END:
                        break
                frame = frame.f_back
            if parent is None:
                return NOWHERE
            frame, parent = parent.gr_frame, parent.parent
