"""What every contender is given, how it marks its patterns, and how its answers are told.

This module and the contenders beside it run in environments that have one library each, so it
imports the standard library alone.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from operator import attrgetter, itemgetter
from typing import Any, Literal, TypeVar

Mark = Literal["idiomatic", "tuned", "raw", "published"]
Function = TypeVar("Function", bound=Callable[..., Any])
Row = dict[str, Any]

USERS, TASKS, LATEST, BATCH = 1000, 10, 50, 1000
START = datetime(2026, 1, 1, tzinfo=UTC)
WRITTEN = ("user_id", "lat", "lon", "date")
COLUMNS = ("id", *WRITTEN, "created_at", "updated_at")
WORKLOADS = ("insert", "update", "upsert", "rows", "stream", "get", "tasks", "walk")
DIGEST = 2**64


def idiomatic(function: Function) -> Function:
    """As the library's own documentation shows it."""
    return _marked(function, "idiomatic")


def tuned(function: Function) -> Function:
    """By the library's public functions, and chosen for speed."""
    return _marked(function, "tuned")


def raw(function: Function) -> Function:
    """By the driver, or its own protocol."""
    return _marked(function, "raw")


def published(function: Function) -> Function:
    """As somebody else's benchmark has it."""
    return _marked(function, "published")


def _marked(function: Function, mark: Mark) -> Function:
    function.mark = mark  # type: ignore[attr-defined]
    return function


@dataclass(frozen=True)
class Login:
    """How to reach the database; host is the folder of a socket, or a name."""

    host: str
    port: int
    user: str
    password: str
    database: str


class Tally:
    """What was read: how many rows, and the sum of one of their columns."""

    columns: tuple[str, ...] = COLUMNS
    of_object: Callable[[Any], float] = attrgetter("lat")
    of_mapping: Callable[[Any], float] = itemgetter("lat")
    of_tuple: Callable[[Any], float] = itemgetter(COLUMNS.index("lat"))

    def __init__(self) -> None:
        self.rows = 0
        self.sum = 0.0

    def object(self, row: Any) -> None:
        """Read a row by its attributes."""
        self.rows += 1
        self.sum += self.of_object(row)

    def objects(self, rows: Iterable[Any]) -> None:
        """Read rows by their attributes."""
        self._read(map(self.of_object, rows))

    def mappings(self, rows: Iterable[Any]) -> None:
        """Read rows by their columns' names."""
        self._read(map(self.of_mapping, rows))

    def tuples(self, rows: Iterable[Any]) -> None:
        """Read rows whose columns are in the order of `columns`."""
        self._read(map(self.of_tuple, rows))

    def _read(self, values: Iterable[float]) -> None:
        found = list(values)
        self.rows += len(found)
        self.sum += sum(found)

    def user(self, name: str) -> None:
        """Read a user by the name."""

    def add(self, other: "Tally") -> None:
        """Read what another one has read, as in a thread of its own."""
        self.rows += other.rows
        self.sum += other.sum

    def told(self) -> tuple[Any, ...]:
        """The answer, to be compared with the others'."""
        return self.rows, self.sum


class Digest(Tally):
    """The same, and a digest of every column that does not depend on the order of the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.digest = 0

    def object(self, row: Any) -> None:
        """Read all columns of a row."""
        self.objects([row])

    def objects(self, rows: Iterable[Any]) -> None:
        """Read all columns of rows by their attributes."""
        self.tuples([tuple(getattr(each, name) for name in self.columns) for each in rows])

    def mappings(self, rows: Iterable[Any]) -> None:
        """Read all columns of rows."""
        self.tuples([tuple(row[name] for name in self.columns) for row in rows])

    def tuples(self, rows: Iterable[Any]) -> None:
        """Read all columns of rows that have no names."""
        rows = list(rows)
        super().tuples(rows)
        for row in rows:
            self._add(repr([self.plain(value) for value in row]))

    def user(self, name: str) -> None:
        """Read the name too."""
        self._add(name)

    def add(self, other: Tally) -> None:
        """Read what another one has read."""
        super().add(other)
        assert isinstance(other, Digest)
        self.digest = (self.digest + other.digest) % DIGEST

    def told(self) -> tuple[Any, ...]:
        """The answer with the digest."""
        return *super().told(), f"{self.digest:016x}"

    @staticmethod
    def plain(value: Any) -> Any:
        """A moment as the same text in every time zone and library; else the value."""
        if isinstance(value, str):
            value = datetime.fromisoformat(value)  # of JSON
        return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value

    def _add(self, text: str) -> None:
        found = int.from_bytes(sha256(text.encode()).digest()[:8])
        self.digest = (self.digest + found) % DIGEST


class Clock(Tally):
    """The seconds between one read and the next of the same task or thread."""

    def __init__(self) -> None:
        super().__init__()
        self.started = time.perf_counter()
        self.last: dict[int, float] = {}
        self.taken: list[float] = []

    def object(self, row: Any) -> None:
        """Read a row, and note how long it took."""
        super().object(row)
        self._note()

    def objects(self, rows: Iterable[Any]) -> None:
        """Read rows by their attributes, and note how long they took."""
        super().objects(rows)
        self._note()

    def mappings(self, rows: Iterable[Any]) -> None:
        """Read rows, and note how long they took."""
        super().mappings(rows)
        self._note()

    def tuples(self, rows: Iterable[Any]) -> None:
        """Read rows, and note how long they took."""
        super().tuples(rows)
        self._note()

    def add(self, other: Tally) -> None:
        """Read what another one has read."""
        super().add(other)
        assert isinstance(other, Clock)
        self.taken += other.taken

    def told(self) -> tuple[Any, ...]:
        """The seconds of each."""
        return tuple(self.taken)

    def _note(self) -> None:
        now, me = time.perf_counter(), _me()
        self.taken.append(now - self.last.get(me, self.started))
        self.last[me] = now


def _me() -> int:
    """The task, or the thread, in which this is called."""
    try:
        return id(asyncio.current_task())
    except RuntimeError:
        return threading.get_ident()


@dataclass(frozen=True)
class Given:
    """The work of a turn. Rows are made before the clock starts, and are the same for all."""

    write: int
    read: int
    gets: int
    tally: type[Tally] = Tally

    @cached_property
    def marks(self) -> list[Row]:
        """Rows to be inserted, without ids."""
        return [
            {
                "user_id": 1 + n % USERS,
                "lat": n % 90 + 0.25,
                "lon": n % 180 + 0.5,
                "date": START + timedelta(seconds=n),
            }
            for n in range(self.write)
        ]

    @cached_property
    def records(self) -> list[tuple[Any, ...]]:
        """The same as tuples."""
        return [tuple(mark.values()) for mark in self.marks]

    @cached_property
    def changes(self) -> list[Row]:
        """What becomes of the rows with ids: each has a latitude of its own."""
        return [{"id": n, **mark, "lat": n % 70 + 0.75} for n, mark in enumerate(self.marks, 1)]

    @cached_property
    def keys(self) -> list[int]:
        """Ids of points, to be read one by one."""
        return list(range(1, 1 + self.gets))

    @cached_property
    def shares(self) -> list[list[int]]:
        """The keys, shared between tasks."""
        return [self.keys[first::TASKS] for first in range(TASKS)]

    @cached_property
    def users(self) -> list[int]:
        """Ids of users whose latest points are read."""
        return list(range(1, 1 + min(max(self.gets // 2, 1), USERS)))

    def prepare(self) -> None:
        """Make what else would be made while the clock runs."""
        _ = self.records, self.changes, self.shares, self.users
