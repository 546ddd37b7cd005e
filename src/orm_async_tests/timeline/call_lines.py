"""Finds the line of the user's code that is being executed."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from greenlet import getcurrent, greenlet

ASYNCIO, HERE = str(Path(asyncio.__file__).parent), str(Path(__file__).parent)
HARNESS = str(Path(HERE).parent)  # the harness creates tasks for the user's code
LOOP = str(Path(ASYNCIO, "events.py"))  # the event loop's callers did not cause the running code
LIBRARY, USER, CREATES_TASKS, END = range(4)  # the kinds of files
Place = tuple[str, int]  # a file and a line number
NOWHERE: Place = "", 0
UNKNOWN: tuple[int, CodeType | None] = 0, None

IsUser = Callable[[str], bool]  # returns whether the file at a path is the user's


class CallLines(dict[str, int]):
    """Finds the user's code on the call stack, and remembers which files are the user's."""

    def __init__(self, is_user: IsUser) -> None:
        self._is_user = is_user
        self._depths: dict[str, tuple[int, CodeType]] = {}  # frame counts by an event's text

    def __missing__(self, file: str) -> int:
        if not file.startswith(HERE) and self._is_user(file):
            self[file] = USER
        elif file == LOOP:
            self[file] = END
        else:
            self[file] = CREATES_TASKS if file.startswith((ASYNCIO, HARNESS)) else LIBRARY
        return self[file]

    def find(self, text: str = "") -> Place:
        """Return the innermost line of the user's code on the call stack, or NOWHERE.

        SQLAlchemy runs in a greenlet, so the search continues in the parent greenlets. The
        parameter `text` is the text of an event, for example a statement.
        """
        try:
            depth, code = self._depths.get(text, UNKNOWN)
            bottom = sys._getframe(depth)
            is_known = bottom.f_code is code and bottom.f_back is None
        except ValueError:  # the stack has fewer frames
            is_known = False
        if not is_known and (place := self._search(sys._getframe(2))):
            return place
        current: Any = getcurrent()
        if current.parent is None:
            return NOWHERE
        if text and not is_known:
            # The search is slow. Do not repeat it for the same text and number of frames.
            self._depths[text] = _find_bottom(sys._getframe())
        place = getattr(current, "orm_async_place", None)
        if place is None:
            place = self._search(None, current.parent) or NOWHERE
            if getattr(current, "__sqlalchemy_greenlet_provider__", False):
                current.orm_async_place = place  # the awaiting code stays on this line
        return place

    def find_creator(self) -> tuple[bool, Place]:
        """Return whether the user's code is creating a task, and the user's innermost line.

        Return False as the first value if a library or asyncio itself creates the task.
        """
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and self[frame.f_code.co_filename] == CREATES_TASKS:
            if frame.f_code.co_name == "wait_for":  # until Python 3.11 it creates a task
                break
            frame = frame.f_back
        is_user = frame is not None and self[frame.f_code.co_filename] == USER
        return is_user, self._search(frame, getcurrent().parent) or NOWHERE

    def _search(self, frame: FrameType | None, parent: greenlet | None = None) -> Place | None:
        while True:
            while frame is not None:
                if kind := self[frame.f_code.co_filename]:
                    if kind == USER:
                        return frame.f_code.co_filename, frame.f_lineno
                    if kind == END:
                        break
                frame = frame.f_back
            if parent is None:
                return None
            frame, parent = parent.gr_frame, parent.parent


def _find_bottom(frame: FrameType) -> tuple[int, CodeType]:
    """Return the depth of the call stack, and the code of its outermost frame."""
    depth = 0
    while frame.f_back is not None:
        frame = frame.f_back
        depth += 1
    return depth, frame.f_code
