"""What every contender of the journal is given, and how its answers are told.

The workloads are those of tortoise/orm-benchmarks, with rows, keys and pages that are no accident:
every contender has the same. Like the module above, this one imports the standard library alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

import orm_async_tests.bench.contenders.given as points
from orm_async_tests.bench.contenders.given import START, TASKS, Login, Row

__all__ = ["Login"]

Item = TypeVar("Item")

WORKLOADS = (
    *("single", "batch", "bulk"),
    *("large", "small", "get", "dicts", "tuples"),
    *("whole", "partial", "delete"),
)
WRITTEN = ("timestamp", "level", "text")
COLUMNS = ("id", *WRITTEN)
LEVELS = (10, 20, 30, 40, 50)
NEXT: dict[int, int] = {10: 20, 20: 30, 30: 40, 40: 50, 50: 10}  # what an update makes of a level
PAGE = 20


class Tally(points.Tally):
    """What is read of entries: how many, and the sum of their levels."""

    columns = COLUMNS
    of_object = attrgetter("level")
    of_mapping = itemgetter("level")
    of_tuple = itemgetter(COLUMNS.index("level"))


class Digest(Tally, points.Digest):
    """The same, and a digest of every column that does not depend on the order of the rows."""

    @staticmethod
    def plain(value: Any) -> Any:
        """A moment as the same text in every time zone; else the value."""
        return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


@dataclass(frozen=True)
class Given:
    """The work of a turn, as shares for ten tasks, which are made before the clock starts."""

    rows: int
    tally: type[Tally] = Tally

    @cached_property
    def entries(self) -> list[Sequence[Row]]:
        """Rows to be inserted, without ids."""
        rows = [
            {
                "timestamp": START + timedelta(seconds=n),
                "level": LEVELS[n % len(LEVELS)],
                "text": f"entry {n}",
            }
            for n in range(self.rows)
        ]
        return self.shared(rows)

    @cached_property
    def records(self) -> list[Sequence[tuple[Any, ...]]]:
        """The same as tuples."""
        return [[tuple(entry.values()) for entry in share] for share in self.entries]

    @cached_property
    def levels(self) -> list[Sequence[int]]:
        """Levels of which all entries are read: each task reads all of them."""
        return [LEVELS] * TASKS

    @cached_property
    def pages(self) -> list[Sequence[tuple[int, int]]]:
        """Levels, and how many of their entries are passed over before a page."""
        beyond = max(self.rows // len(LEVELS) - PAGE + 1, 1)
        pages = [(LEVELS[n % len(LEVELS)], 37 * n % beyond) for n in range(self.rows // 2)]
        return self.shared(pages)

    @cached_property
    def keys(self) -> list[Sequence[int]]:
        """Ids of entries that are read one by one."""
        return self.shared(range(1, 1 + self.rows))

    @staticmethod
    def shared(items: Sequence[Item]) -> list[Sequence[Item]]:
        """The items, shared between tasks."""
        return [items[first::TASKS] for first in range(TASKS)]

    def prepare(self) -> None:
        """Make what else would be made while the clock runs."""
        _ = self.records, self.levels, self.pages, self.keys
