"""The contenders: modules that do all workloads, and the patterns in them."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import Any

from sqlalchemy import URL

from benchmarks.patterns.work import TASKS, WRITES, Tally, Work

Read = Callable[[Any, int, Tally], Awaitable[None]]  # of one row by its key
Run = Callable[[Any, Work, Tally], Awaitable[None]]


@dataclass(frozen=True)
class Pattern:
    """A contender's function for a workload; the pattern's name begins with the workload."""

    contender: str
    name: str
    label: str
    mark: str
    run: Run

    @property
    def key(self) -> str:
        return f"{self.contender}.{self.name}"

    @property
    def workload(self) -> str:
        return self.name.partition("_")[0]


@dataclass(frozen=True)
class Contender:
    """A module of this package, and the libraries that a report names."""

    name: str
    libraries: tuple[str, ...]

    @property
    def module(self) -> ModuleType:
        return import_module(f"{__name__}.{self.name}")

    @property
    def versions(self) -> dict[str, str]:
        return {name: version(name) for name in self.libraries}

    def connect(self, url: URL, size: int) -> AbstractAsyncContextManager[Any]:
        """Open a pool of `size` connections and give what the patterns take as `library`."""
        connected: AbstractAsyncContextManager[Any] = self.module.connected(url, size)
        return connected

    def patterns(self) -> Iterator[Pattern]:
        """Yield its patterns. A function for `get` also makes a pattern for `tasks`."""
        for name, function in vars(self.module).items():
            mark = getattr(function, "mark", None)
            if mark is None or not inspect.isfunction(function):
                continue
            label = inspect.getdoc(function) or ""
            pattern = Pattern(self.name, name, label, mark, function)
            if pattern.workload == "get":
                yield Pattern(self.name, name, label, mark, _get_in_turn(function))
                name, label = name.replace("get", "tasks", 1), f"{label}, in ten tasks"
                yield Pattern(self.name, name, label, mark, _get_in_tasks(function))
            elif pattern.workload in WRITES:
                yield Pattern(self.name, name, label, mark, _write(function))
            else:
                yield pattern


def _write(function: Callable[[Any, Work], Awaitable[None]]) -> Run:
    async def run(library: Any, work: Work, _: Tally) -> None:
        await function(library, work)

    return run


def _get_in_turn(read: Read) -> Run:
    async def run(library: Any, work: Work, tally: Tally) -> None:
        for key in work.keys:
            await read(library, key, tally)

    return run


def _get_in_tasks(read: Read) -> Run:
    async def run(library: Any, work: Work, tally: Tally) -> None:
        async def read_keys(first: int) -> None:
            for key in work.keys[first::TASKS]:
                await read(library, key, tally)

        await asyncio.gather(*map(read_keys, range(TASKS)))

    return run


SQLALCHEMY = ("sqlalchemy", "asyncpg", "greenlet")
CONTENDERS = (  # the first is the base of all ratios
    Contender("asyncpg", ("asyncpg",)),
    Contender("sqlalchemy", SQLALCHEMY),
    Contender("sqlalchemy_tuned", SQLALCHEMY),
    Contender("sqlalchemy_core", SQLALCHEMY),
)
