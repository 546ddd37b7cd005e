"""The work of the contenders, a decorator that marks patterns, and tallies of the rows read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from sqlalchemy import URL

Mark = Literal["idiomatic", "tuned", "raw"]
Function = TypeVar("Function", bound=Callable[..., Any])
Row = dict[str, Any]

USERS, TASKS, LATEST, BATCH = 1000, 10, 50, 1000
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
PORT = 5432


def _mark(mark: Mark) -> Callable[[Function], Function]:
    """Return a decorator that marks a pattern."""

    def set_mark(function: Function) -> Function:
        function.mark = mark  # type: ignore[attr-defined]
        return function

    return set_mark


idiomatic = _mark("idiomatic")  # follows the library's documentation
tuned = _mark("tuned")  # uses the library's public functions and was chosen for speed
raw = _mark("raw")  # calls the driver or speaks its protocol


def login(url: "URL") -> dict[str, Any]:
    """Return asyncpg's arguments for a connection to this URL."""
    return {
        "host": url.query.get("host", url.host),
        "port": url.port or PORT,
        "user": url.username,
        "password": url.password,
        "database": url.database,
    }


class Tally:
    """The number of rows that a pattern read, and the sum of their latitudes."""

    # What is read of a row: by attribute, by the column's name, and by position in COLUMNS.
    by_attribute: Any = attrgetter("lat")
    by_name: Any = itemgetter("lat")
    by_position: Any = itemgetter(COLUMNS.index("lat"))

    def __init__(self) -> None:
        self.rows = 0
        self.sum = 0.0

    def add_object(self, row: Any) -> None:
        """Count one row and add its latitude, read by attribute."""
        self.rows += 1
        self.sum += row.lat

    def add_objects(self, rows: Iterable[Any]) -> None:
        """Add rows that are read by attribute."""
        self._add(map(self.by_attribute, rows))

    def add_mappings(self, rows: Iterable[Any]) -> None:
        """Add rows that are read by column name."""
        self._add(map(self.by_name, rows))

    def add_tuples(self, rows: Iterable[Any]) -> None:
        """Add rows that are read by position in the order of COLUMNS."""
        self._add(map(self.by_position, rows))

    def add_user_name(self, name: str) -> None:
        """Accept a user's name, which only a digest uses."""

    def result(self) -> tuple[Any, ...]:
        """Return what all contenders must agree on."""
        return self.rows, self.sum

    def _add(self, rows: Iterable[Any]) -> None:
        values = list(rows)  # latitudes
        self.rows += len(values)
        self.sum += sum(values)


class Digest(Tally):
    """A tally with a digest of every column, which does not depend on the order of the rows."""

    by_attribute, by_name, by_position = attrgetter(*COLUMNS), itemgetter(*COLUMNS), tuple

    def __init__(self) -> None:
        super().__init__()
        self.digest = 0

    def add_object(self, row: Any) -> None:
        """Add all columns of one row, read by attribute."""
        self.add_objects([row])

    def add_user_name(self, name: str) -> None:
        """Include a text in the digest."""
        addend = int.from_bytes(sha256(name.encode()).digest()[:8])
        self.digest = (self.digest + addend) % DIGEST_MODULUS

    def result(self) -> tuple[Any, ...]:
        """Return the tally's result and the digest in hexadecimal."""
        return *super().result(), f"{self.digest:016x}"

    def _add(self, rows: Iterable[Any]) -> None:
        values = list(rows)
        super()._add(row[COLUMNS.index("lat")] for row in values)
        for row in values:
            self.add_user_name(repr([_normalize(value) for value in row]))


def _normalize(value: Any) -> Any:
    """Return a time as ISO text in UTC, and any other value unchanged.

    Libraries differ in the time zone of what they return, and JSON has text for times.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


@dataclass(frozen=True)
class Work:
    """The work of one turn, whose rows are built before the clock starts and are equal for all.

    write is the number of rows to write, read the number to read at once, and gets the number to
    read one by one.
    """

    write: int = 10_000
    read: int = 100_000
    gets: int = 1000

    @cached_property
    def new_rows(self) -> list[Row]:
        """Rows to insert, without ids."""
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
        """The new rows as tuples."""
        return [tuple(row.values()) for row in self.new_rows]

    @cached_property
    def changed_rows(self) -> list[Row]:
        """Rows with ids, to update or to upsert; every latitude differs from the stored one."""
        return [{"id": n, **row, "lat": n % 70 + 0.75} for n, row in enumerate(self.new_rows, 1)]

    @cached_property
    def keys(self) -> list[int]:
        """Ids of points to read one by one."""
        return list(range(1, 1 + self.gets))

    @cached_property
    def user_ids(self) -> list[int]:
        """Ids of the users whose latest points are read."""
        return list(range(1, 1 + min(max(self.gets // 2, 1), USERS)))

    def prepare(self) -> None:
        """Build the cached rows and keys, so that no turn pays for them."""
        _ = self.records, self.changed_rows, self.keys, self.user_ids
