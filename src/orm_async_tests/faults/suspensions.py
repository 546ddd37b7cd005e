"""Every suspension of some code: counted, in whichever of its tasks, and one of them acted on.

A task runs from one suspension to the next, so a fault can come at these points and no others.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from typing import Any

Act = Callable[["Suspensions"], None]


class _Watched(Coroutine[Any, Any, Any]):
    """A coroutine between its task and itself, which tells of each future that it waits for."""

    def __init__(self, inner: Coroutine[Any, Any, Any], tell: Callable[[Any, Any], None]) -> None:
        self.inner = inner
        self._tell = tell

    def send(self, value: Any) -> Any:
        awaited = self.inner.send(value)
        self._tell(self.inner, awaited)
        return awaited

    def throw(self, *error: Any) -> Any:
        awaited = self.inner.throw(*error)
        self._tell(self.inner, awaited)
        return awaited

    def close(self) -> None:
        self.inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.inner.__await__()

    def __getattr__(self, name: str) -> Any:  # asyncio's debug mode asks for cr_frame and more
        return getattr(self.inner, name)


class Suspensions:
    """Counts suspensions of a main task and of each task that is made meanwhile.

    At number `at` it calls `act`: at once, when a request is written and its answer is not there
    ("suspended"), or when the answer has come and the task has not seen it ("ready").
    """

    def __init__(self, at: int, when: str, act: Act) -> None:
        self.count = 0
        self.tasks: list[asyncio.Task[Any]] = []
        self.where: tuple[Any, Any] = (None, None)  # the coroutines: of the main task, suspended
        self._at = at
        self._when = when
        self._act = act

    @property
    def main(self) -> asyncio.Task[Any]:
        """The task of the code itself; the others were made by it, or by a library for it."""
        return self.tasks[0]

    def act_later(self, after: int, act: Act) -> None:
        """Act once more, at the suspension that comes so many after this one."""
        self._at, self._act = self.count + after, act

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the tasks that are made in the block; the first one is the main task."""
        loop = asyncio.get_running_loop()
        before = loop.get_task_factory()
        loop.set_task_factory(self._make)
        try:
            yield
        finally:
            loop.set_task_factory(before)

    def _make(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> asyncio.Task[Any]:
        watched = _Watched(coroutine, self._suspended)
        options.pop("eager_start", None)  # it would run before it can be known
        task: asyncio.Task[Any] = asyncio.Task(watched, loop=loop, **options)
        self.tasks.append(task)
        return task

    def _suspended(self, coroutine: Any, awaited: Any) -> None:
        if self.main.done():
            return  # what outlives the code has no caller that a fault could reach
        self.count += 1
        if self.count != self._at:
            return
        main: Any = self.main.get_coro()
        self.where = main.inner, coroutine
        if self._when == "suspended":
            self._act(self)
        elif awaited is None:  # a bare yield, as of sleep(0): ready in the loop's next turn
            self.main.get_loop().call_soon(self._act, self)
        else:
            awaited.add_done_callback(lambda _: self._act(self))
