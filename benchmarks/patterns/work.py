"""Defines the rows of the benchmark, and classes that summarize them."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from operator import attrgetter, itemgetter
from typing import Any, Literal, TypeVar

Mark = Literal["idiomatic", "tuned", "raw"]
Function = TypeVar("Function", bound=Callable[..., Any])

USERS, TASKS, LATEST, BATCH = 1000, 10, 50, 1000
WRITE, READ, GETS = 10_000, 100_000, 1000
START = datetime(2026, 1, 1, tzinfo=UTC)
WRITTEN = ("user_id", "lat", "lon", "date")
COLUMNS = ("id", *WRITTEN, "created_at", "updated_at")
LAT = COLUMNS.index("lat")
WORKLOADS = {  # titles by name
    "insert": "Insert rows",
    "update": "Update rows by primary key, with a different value for every row",
    "upsert": "Upsert rows, half of which are new",
    "rows": "Read rows",
    "stream": "Stream rows",
    "get": "Get rows by primary key",
    "tasks": "Get rows by primary key in ten tasks",
    "walk": "Read users with their latest 50 points",
}


def _mark(mark: Mark) -> Callable[[Function], Function]:
    def set_mark(function: Function) -> Function:
        function.mark = mark  # type: ignore[attr-defined]
        return function

    return set_mark


idiomatic = _mark("idiomatic")  # follows the library's documentation
tuned = _mark("tuned")  # uses the library's public functions and was chosen for speed
raw = _mark("raw")  # calls the driver or speaks its protocol


class Tally:
    """The number of rows that a function read, and the sum of their latitudes."""

    # Readers of a row's latitude: by attribute, by the column's name, and by position in COLUMNS.
    by_attribute: Any = attrgetter("lat")
    by_name: Any = itemgetter("lat")
    by_position: Any = itemgetter(LAT)

    def __init__(self) -> None:
        self.rows, self.sum = 0, 0.0

    def add_object(self, row: Any) -> None:
        self.rows += 1
        self.sum += row.lat

    def add_objects(self, rows: Iterable[Any]) -> None:
        self._add(list(map(self.by_attribute, rows)))

    def add_mappings(self, rows: Iterable[Any]) -> None:
        self._add(list(map(self.by_name, rows)))

    def add_tuples(self, rows: Iterable[Any]) -> None:
        self._add(list(map(self.by_position, rows)))

    def add_user_name(self, name: str) -> None:
        """Ignore the name, which only the subclass Digest uses."""

    def result(self) -> tuple[Any, ...]:
        """Return the values that must be equal for all libraries."""
        return self.rows, self.sum

    def _add(self, values: list[Any]) -> None:
        self.rows += len(values)
        self.sum += sum(values)


class Digest(Tally):
    """A Tally that also computes a digest of all columns.

    The digest does not depend on the order of the rows.
    """

    by_attribute, by_name, by_position = attrgetter(*COLUMNS), itemgetter(*COLUMNS), tuple

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def add_object(self, row: Any) -> None:
        self.add_objects([row])

    def add_user_name(self, name: str) -> None:
        self.texts.append(name)

    def result(self) -> tuple[Any, ...]:
        return *super().result(), sha256("\n".join(sorted(self.texts)).encode()).hexdigest()

    def _add(self, values: list[Any]) -> None:
        super()._add([row[LAT] for row in values])
        self.texts += [repr([_normalize(value) for value in row]) for row in values]


def _normalize(value: Any) -> Any:
    """Return a time as ISO text in UTC, and any other value unchanged."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


class Work:
    """The rows and keys for one run of a measured function."""

    def __init__(self, write: int = WRITE, read: int = READ, gets: int = GETS) -> None:
        self.sizes = {"write": write, "read": read, "gets": gets}
        self.write, self.read = write, read
        self.new_rows: list[dict[str, Any]] = [
            {
                "user_id": 1 + n % USERS,
                "lat": n % 90 + 0.25,
                "lon": n % 180 + 0.5,
                "date": START + timedelta(seconds=n),
            }
            for n in range(write)
        ]
        self.records = [tuple(row.values()) for row in self.new_rows]
        self.changed_rows = [  # the ids of existing rows with new latitudes
            {"id": n, **row, "lat": n % 70 + 0.75} for n, row in enumerate(self.new_rows, 1)
        ]
        self.keys = range(1, 1 + gets)
        self.user_ids = range(1, 1 + min(max(gets // 2, 1), USERS))
