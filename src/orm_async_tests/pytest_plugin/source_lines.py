"""Finds the line of the user's code at which a task runs or waits."""

import asyncio
import gc
import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import AsyncGeneratorType, CodeType, FrameType
from typing import Any

import greenlet
import sqlalchemy

LIBRARIES = (
    str(Path(sqlalchemy.__file__).parent),
    str(Path(__file__).parent),
    sysconfig.get_path("stdlib"),
    "<",  # frozen modules, and code compiled from a string
)
INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
ASYNCIO = str(Path(asyncio.__file__).parent)
LOOPS = tuple(str(Path(ASYNCIO, name)) for name in ("events.py", "base_events.py", "runners.py"))
TESTERS = (f"{os.sep}_pytest{os.sep}", f"{os.sep}pluggy{os.sep}")
USER, LIBRARY, BOUNDARY = 1, 2, 3  # a boundary is called by code that did not cause the call
AWAITED = ("cr_await", "gi_yieldfrom", "ag_await")
FRAMES = ("cr_frame", "gi_frame", "ag_frame")
Task = asyncio.Task[Any]


@dataclass(eq=False, slots=True)
class SourceLine:
    """A line of code.

    Only `__str__()` computes the line number, because the computation is slow.
    """

    code: CodeType
    instruction: int

    def __str__(self) -> str:
        lines = self.code.co_lines()
        number = next(line for start, end, line in lines if start <= self.instruction < end)
        path, folder = Path(self.code.co_filename), Path.cwd()
        shown = path.relative_to(folder) if path.is_relative_to(folder) else path
        return f"{shown}:{number} in {self.code.co_name}"


Location = SourceLine | str  # a description if no line of the user's code is known


def locate_caller() -> Location:
    line = find_user_line(sys._getframe(1))  # inspect.currentframe() is the same, and slower
    return line or locate_awaiter(greenlet.getcurrent().parent)


def locate_awaiter(parent: greenlet.greenlet | None) -> Location:
    """Return the line of the user's code that awaits SQLAlchemy, or describe the task.

    SQLAlchemy runs in a greenlet, whose parent greenlet runs the user's coroutine.
    """
    while parent is not None:
        if line := find_user_line(parent.gr_frame):
            return line
        parent = parent.parent
    task = running_task()
    return (_find_run_call(sys._getframe(1), task) if task else None) or _describe_task(task)


def locate_task(task: Task, inside: greenlet.greenlet) -> Location:
    return find_user_line(inside.gr_frame) or _find_suspended_line(task) or _describe_task(task)


def find_user_line(frame: FrameType | None) -> SourceLine | None:
    """Return the innermost line of the user's code on a call stack, or None.

    Stop at the event loop or pytest, because the code that called them did not cause the current
    call.
    """
    while frame is not None:
        code = frame.f_code
        owner = _find_owner(code.co_filename)
        if owner == USER:
            return SourceLine(code, frame.f_lasti)
        if owner == BOUNDARY:
            return None
        frame = frame.f_back
    return None


def running_task() -> Task | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _find_run_call(frame: FrameType | None, task: Task) -> SourceLine | None:
    """Return the user's call that runs a task, for example `asyncio.run()`."""
    parent = greenlet.getcurrent().parent
    while frame is not None or parent is not None:
        if frame is None:
            assert parent is not None
            frame, parent = parent.gr_frame, parent.parent
            continue
        is_loop = frame.f_code.co_filename in LOOPS
        if is_loop and any(value is task for value in frame.f_locals.values()):
            while frame is not None and frame.f_code.co_filename in LOOPS:
                frame = frame.f_back
            return find_user_line(frame)
        frame = frame.f_back
    return None


def _find_suspended_line(task: Task) -> SourceLine | None:
    frames = [frame for frame in _suspended_frames(task) if is_user_file(frame.f_code.co_filename)]
    return SourceLine(frames[-1].f_code, frames[-1].f_lasti) if frames else None


def _suspended_frames(task: Task) -> Iterator[FrameType]:
    """Yield the frames of a suspended task, outermost first."""
    awaitable: Any = task.get_coro()
    while awaitable is not None:
        # The objects of aclose() and anext() have no frame, but refer to the generator.
        if type(awaitable).__name__ in ("async_generator_athrow", "async_generator_asend"):
            referents = gc.get_referents(awaitable)
            generators = (item for item in referents if isinstance(item, AsyncGeneratorType))
            awaitable = next(generators, None)
        if frame := _first_attribute(awaitable, FRAMES):
            yield frame
        awaitable = _first_attribute(awaitable, AWAITED)


def _first_attribute(value: Any, names: tuple[str, ...]) -> Any:
    values = (getattr(value, name, None) for name in names)
    return next((value for value in values if value is not None), None)


def _describe_task(task: Task | None) -> Location:
    """Describe a task that runs no user code, for example in `gather(session.execute(...))`."""
    if task is None:
        return "code that is not yours"
    others = asyncio.all_tasks() - {task}
    # SQLAlchemy closes a session in a separate task. A variable of the user's task holds it.
    for other in others:
        frames = list(_suspended_frames(other))
        if frames and any(value is task for value in frames[-1].f_locals.values()):
            if line := _find_suspended_line(other):
                return line
            break
    name = getattr(task.get_coro(), "__qualname__", "a coroutine")
    lines = sorted(str(line) for other in others if (line := _find_suspended_line(other)))
    return f"{name}() in a task" + (f", while {lines[0]} waits" if lines else "")


def is_user_file(file: str) -> bool:
    return _find_owner(file) == USER


@cache
def _find_owner(file: str) -> int:
    if file in LOOPS or any(part in file for part in TESTERS):
        return BOUNDARY
    if file.startswith(LIBRARIES) or any(part in file for part in INSTALLED):
        return LIBRARY
    return USER
