"""Defines what the compared functions read and write. The module also counts the rows that a
function reads.
"""

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
WORKLOADS = {  # titles by name
    "insert": "Insert rows",
    "update": "Update rows by primary key, every row to a different value",
    "upsert": "Upsert rows, half of them new",
    "rows": "Read rows",
    "stream": "Stream rows",
    "get": "Get rows by primary key",
    "tasks": "Get rows by primary key in ten tasks",
    "walk": "Read users with their latest 50 points",
}
WRITES = ("insert", "update", "upsert")
DIGEST_MODULUS = 2**64


def _mark(mark: Mark) -> Callable[[Function], Function]:
    def set_mark(function: Function) -> Function:
        function.mark = mark  # type: ignore[attr-defined]
        return function

    return set_mark


idiomatic = _mark("idiomatic")  # follows the library's documentation
tuned = _mark("tuned")  # uses the library's public functions and was chosen for speed
raw = _mark("raw")  # calls the driver or speaks its protocol


class Tally:
    """A tally of the rows that a function read: their number, and the sum of their latitudes."""

    # What is read of a row: by attribute, by the column's name, and by position in COLUMNS.
    by_attribute: Any = attrgetter("lat")
    by_name: Any = itemgetter("lat")
    by_position: Any = itemgetter(COLUMNS.index("lat"))

    def __init__(self) -> None:
        self.rows, self.sum = 0, 0.0

    def add_object(self, row: Any) -> None:
        """Add one row, and read its values as attributes."""
        self.rows += 1
        self.sum += row.lat

    def add_objects(self, rows: Iterable[Any]) -> None:
        """Add rows, and read their values as attributes."""
        self._add(list(map(self.by_attribute, rows)))

    def add_mappings(self, rows: Iterable[Any]) -> None:
        """Add rows, and read their values by column name."""
        self._add(list(map(self.by_name, rows)))

    def add_tuples(self, rows: Iterable[Any]) -> None:
        """Add rows, and read their values by position, in the order of COLUMNS."""
        self._add(list(map(self.by_position, rows)))

    def add_user_name(self, name: str) -> None:
        """Accept a user's name. Only the subclass Digest uses the name."""

    def result(self) -> tuple[Any, ...]:
        """Return the values that must be equal for all compared libraries."""
        return self.rows, self.sum

    def _add(self, values: list[Any]) -> None:
        self.rows += len(values)
        self.sum += sum(values)


class Digest(Tally):
    """A tally that also computes a digest of all columns. The digest of the rows does not depend on
    their order.
    """

    by_attribute, by_name, by_position = attrgetter(*COLUMNS), itemgetter(*COLUMNS), tuple

    def __init__(self) -> None:
        super().__init__()
        self.digest = 0

    def add_object(self, row: Any) -> None:
        """Add all columns of one row to the digest. The values of the row are read as
        attributes.
        """
        self.add_objects([row])

    def add_user_name(self, name: str) -> None:
        """Add a text to the digest."""
        addend = int.from_bytes(sha256(name.encode()).digest()[:8])
        self.digest = (self.digest + addend) % DIGEST_MODULUS

    def result(self) -> tuple[Any, ...]:
        """Return the tally's result, and the digest in hexadecimal digits."""
        return *super().result(), f"{self.digest:016x}"

    def _add(self, values: list[Any]) -> None:
        super()._add([row[COLUMNS.index("lat")] for row in values])
        for row in values:
            self.add_user_name(repr([_normalize(value) for value in row]))


def _normalize(value: Any) -> Any:
    """Return a time as an ISO text in UTC. A value that is not a time is returned unchanged.

    Libraries return times in different time zones, and JSON contains times as text.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


class Work:
    """The rows and keys that one run of a function uses. All libraries get the same rows and keys,
    which are built before the clock starts.

    `sizes` says how many rows to write, how many to read at once, and how many to read one by one.
    `new_rows` has the rows to insert, without ids. `records` has the rows of `new_rows` as tuples.
    `changed_rows` has rows to update or to upsert. The rows of `changed_rows` have existing ids,
    but new latitudes. `keys` has the ids of points to read one by one. `user_ids` has the ids of
    users whose points are read.
    """

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
        self.changed_rows = [
            {"id": n, **row, "lat": n % 70 + 0.75} for n, row in enumerate(self.new_rows, 1)
        ]
        self.keys = range(1, 1 + gets)
        self.user_ids = range(1, 1 + min(max(gets // 2, 1), USERS))
