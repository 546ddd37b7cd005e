"""Counts the suspensions of tasks, and injects a fault at one of them.

A fault can reach a task only while the task is suspended.
"""

import asyncio
import sysconfig
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Action = Callable[["Suspensions"], None]

NOT_THE_USERS = (
    *{sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")},
    str(Path(__file__).parent / "injection.py"),
)
MAX_CALLS = 3  # the number of calls below the user's line


class _InstrumentedCoroutine(Coroutine[Any, Any, Any]):
    """Wraps a coroutine, and reports every future that it awaits."""

    def __init__(self, inner: Coroutine[Any, Any, Any], report: Callable[[Any, Any], Any]) -> None:
        self.inner = inner
        self._report = report

    def send(self, value: Any) -> Any:
        return self._report(self.inner, self.inner.send(value))

    def throw(self, *error: Any) -> Any:
        return self._report(self.inner, self.inner.throw(*error))

    def close(self) -> None:
        self.inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.inner.__await__()

    def __getattr__(self, name: str) -> Any:  # asyncio's debug mode reads cr_frame and others
        return getattr(self.inner, name)


class Suspensions:
    """Counts suspensions, and calls `action` at suspension number `at`.

    If `when` is "suspended", the class calls `action` as soon as the task is suspended. If `when`
    is "ready", the class calls `action` just before the task resumes.
    """

    def __init__(self, at: int, when: str, action: Action) -> None:
        self.count = 0
        self.tasks: list[asyncio.Task[Any]] = []
        self._suspended: tuple[Any, Any] = (None, None)  # see describe()
        self._at, self._when, self._action = at, when, action

    @property
    def main(self) -> asyncio.Task[Any]:
        return self.tasks[0]

    def act_again(self, after: int) -> None:
        """Call `action` again when `after` more suspensions have occurred."""
        self._at = self.count + after

    @contextmanager
    def instrument_tasks(self) -> Iterator[None]:
        """Count the suspensions of tasks that start in the `with` block.

        The first task that starts in the block is the main task.
        """
        loop = asyncio.get_running_loop()
        previous = loop.get_task_factory()
        loop.set_task_factory(self._create_task)
        try:
            yield
        finally:
            loop.set_task_factory(previous)

    def describe(self) -> str:
        """Describe where the main task is suspended.

        For example, return "orders.py:9 place > Connection.begin:1".
        """
        main, suspended = self._suspended
        frames = list(_walk_frames(main))
        files = [frame.f_code.co_filename for frame in frames]
        users = [at for at, file in enumerate(files) if not file.startswith(NOT_THE_USERS)]
        line, *below = frames[users[-1] if users else -1 :]
        parts = [f"{Path(line.f_code.co_filename).name}:{line.f_lineno} {line.f_code.co_name}"]
        parts += _name_calls(below)
        if suspended is not main:  # the main task waits for another task
            parts.append("+ " + " > ".join(_name_calls(list(_walk_frames(suspended)))))
        return " > ".join(parts)

    def _create_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> asyncio.Task[Any]:
        instrumented = _InstrumentedCoroutine(coroutine, self._record)
        options.pop("eager_start", None)  # the task would run before it is in the list
        task: asyncio.Task[Any] = asyncio.Task(instrumented, loop=loop, **options)
        self.tasks.append(task)
        return task

    def _record(self, coroutine: Any, awaited: Any) -> Any:
        # A task that outlives the function has no caller that a fault could reach.
        if self.main.done():
            return awaited
        self.count += 1
        if self.count != self._at:
            return awaited
        main: Any = self.main.get_coro()
        self._suspended = main.inner, coroutine
        if self._when == "suspended":
            self._action(self)
        elif awaited is None:  # a bare yield, as in sleep(0): ready in the next turn of the loop
            self.main.get_loop().call_soon(self._action, self)
        else:
            awaited.add_done_callback(lambda _: self._action(self))
        return awaited


def _name_calls(frames: list[Any]) -> list[str]:
    return [f"{frame.f_code.co_qualname}:{frame.f_lineno}" for frame in frames[-MAX_CALLS:]]


def _walk_frames(coroutine: Any) -> Iterator[Any]:
    """Yield the frames of a suspended coroutine, outermost first."""
    for kind, awaited in (("cr", "cr_await"), ("ag", "ag_await"), ("gi", "gi_yieldfrom")):
        if (frame := getattr(coroutine, f"{kind}_frame", None)) is not None:
            yield frame
            yield from _walk_frames(getattr(coroutine, awaited))
