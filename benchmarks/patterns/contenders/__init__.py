"""Lists the modules that the benchmark compares. Each module uses one library."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from importlib.metadata import version
from typing import Any, NamedTuple

from benchmarks.patterns.contenders import asyncpg, sqlalchemy, sqlalchemy_core, sqlalchemy_tuned
from benchmarks.patterns.work import TASKS, Tally, Work

CONTENDERS = {  # the first is the base of all ratios
    "asyncpg": asyncpg,
    "sqlalchemy": sqlalchemy,
    "sqlalchemy_tuned": sqlalchemy_tuned,
    "sqlalchemy_core": sqlalchemy_core,
}
Run = Callable[[Any, Work, Tally], Awaitable[None]]


class Pattern(NamedTuple):
    """A measured function, whose name begins with the name of its workload."""

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


def versions_of(contender: str) -> dict[str, str]:
    libraries = ("asyncpg",) if contender == "asyncpg" else ("sqlalchemy", "asyncpg", "greenlet")
    return {name: version(name) for name in libraries}


def patterns_of(contender: str) -> Iterator[Pattern]:
    """Yield the measured functions of a contender.

    Yield each function of the workload `get` also for the workload `tasks`.
    """
    for name, function in vars(CONTENDERS[contender]).items():
        mark, label = getattr(function, "mark", None), str(function.__doc__)
        if mark is None or not inspect.isfunction(function):
            continue
        if not name.startswith("get"):
            yield Pattern(contender, name, label, mark, function)
            continue
        yield Pattern(contender, name, label, mark, _read_keys(function, 1))
        tasks = name.replace("get", "tasks", 1), f"in ten tasks, {label}"
        yield Pattern(contender, *tasks, mark, _read_keys(function, TASKS))


def _read_keys(read: Callable[[Any, int, Tally], Awaitable[None]], tasks: int) -> Run:
    async def run(library: Any, work: Work, tally: Tally) -> None:
        async def read_keys(first: int) -> None:
            for key in work.keys[first::tasks]:
                await read(library, key, tally)

        await asyncio.gather(*map(read_keys, range(tasks)))

    return run
