"""Which line of the user's code is running, or waiting."""

import asyncio
import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import greenlet
import sqlalchemy

LIBRARIES = (
    str(Path(sqlalchemy.__file__).parent),
    str(Path(__file__).parent),
    sysconfig.get_path("stdlib"),
    "<",  # frozen modules, and code that was made from text
)
INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
WAITS = ("cr_await", "gi_yieldfrom", "ag_await")
FRAMES = ("cr_frame", "gi_frame", "ag_frame")
_is_users: dict[str, bool] = {}  # by file: asked at each statement


@dataclass(eq=False, slots=True)
class Line:
    """An instruction, since the number of its line takes longer than all else."""

    code: CodeType
    instruction: int

    def __str__(self) -> str:
        lines = self.code.co_lines()
        number = next(line for start, end, line in lines if start <= self.instruction < end)
        path, folder = Path(self.code.co_filename), Path.cwd()
        shown = path.relative_to(folder) if path.is_relative_to(folder) else path
        return f"{shown}:{number} in {self.code.co_name}"


Place = Line | str  # or what is known where there is no line of the user's


def here() -> Place:
    """The innermost line of the user's that is running."""
    found = innermost(sys._getframe(1))  # CPython's; inspect.currentframe() is the same
    return found or awaiting(greenlet.getcurrent().parent)


def awaiting(parent: greenlet.greenlet | None) -> Place:
    """The innermost line of the user's in a greenlet that waits for its child, or above it.

    SQLAlchemy runs in a greenlet, whose frames end at its start: those of the coroutine that
    awaits it are the parent's. greenlet's `parent` and `gr_frame` are public.
    """
    while parent is not None:
        found = innermost(parent.gr_frame)
        if found is not None:
            return found
        parent = parent.parent
    return _of_a_task(running_task())


def waiting(task: "asyncio.Task[Any]", inside: greenlet.greenlet) -> Place:
    """The innermost line of the user's at which a task waits: in its greenlet, or before it."""
    return innermost(inside.gr_frame) or _suspended(task) or _of_a_task(task)


def innermost(frame: FrameType | None) -> Line | None:
    """The first line of the user's, from this frame outwards; each frame has its price."""
    while frame is not None:
        code = frame.f_code
        users = _is_users.get(code.co_filename)
        if users is None:
            users = _of_the_user(code.co_filename)
        if users:
            return Line(code, frame.f_lasti)
        frame = frame.f_back
    return None


def running_task() -> "asyncio.Task[Any] | None":
    """The task that is running, if a loop is."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _suspended(task: "asyncio.Task[Any]") -> Line | None:
    frames = [frame for frame in _frames(task.get_coro()) if frame is not None]
    users = [frame for frame in frames if _of_the_user(frame.f_code.co_filename)]
    return Line(users[-1].f_code, users[-1].f_lasti) if users else None


def _frames(awaited: Any) -> Iterator[FrameType | None]:
    """Those of a coroutine and of what it awaits, by the attributes that inspect documents."""
    while awaited is not None:
        yield next((getattr(awaited, name) for name in FRAMES if hasattr(awaited, name)), None)
        awaited = next((getattr(awaited, name) for name in WAITS if hasattr(awaited, name)), None)


def _of_a_task(task: "asyncio.Task[Any] | None") -> Place:
    """What a task runs that has no line of the user's, as in gather(session.execute(...))."""
    if task is None:
        return "code that is not yours"
    called = getattr(task.get_coro(), "__qualname__", "a coroutine")
    others = [_suspended(each) for each in asyncio.all_tasks() if each is not task]
    near = sorted({str(each) for each in others if each})
    return f"{called}() in a task" + (f", while {near[0]} waits" if near else "")


def _of_the_user(file: str) -> bool:
    if file not in _is_users:
        installed = file.startswith(LIBRARIES) or any(each in file for each in INSTALLED)
        _is_users[file] = not installed
    return _is_users[file]
