"""The form of a workload: ways to the same answer, of which the first is raw asyncpg's."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from orm_async_tests.bench.world import World

Way = Callable[[World], Awaitable[Any]]


async def nothing(_: World) -> None:
    """No preparation, and no answer beside what the way returns."""


@dataclass(frozen=True)
class Workload:
    """Ways by their labels; what is done before each turn and asked after it is not timed."""

    title: str
    ways: dict[str, Way]
    before: Way = nothing
    after: Way = nothing

    @property
    def base(self) -> str:
        """The label of the way that the others are compared with."""
        return next(iter(self.ways))
