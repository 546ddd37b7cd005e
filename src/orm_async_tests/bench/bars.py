"""Bars: what SQLAlchemy's patterns ought to reach beside asyncpg and the other ORMs, measured."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orm_async_tests.bench.compared import middle
from orm_async_tests.bench.rounds import FEWEST, Ratio, ratio_of

PEERS = ("tortoise", "piccolo", "django", "peewee", "sqlmodel")
OURS = ("sqlalchemy", "sqlalchemy_tuned", "sqlalchemy_core")
MEMORY = 1.3  # times the memory of the imports and one batch
Found = Mapping[str, Any]


@dataclass(frozen=True)
class Bar:
    """The ratio that the fastest of ours should have to the fastest of the others.

    ours and others are keys of patterns, or names of contenders: then all their patterns, or with
    a mark only those that have it.
    """

    text: str
    workload: str
    ours: tuple[str, ...]
    others: tuple[str, ...]
    least: float
    mark: str = ""  # of the others' patterns
    stretch: bool = False


@dataclass(frozen=True)
class Measured:
    """A bar, what was measured for it, and between which patterns."""

    bar: Bar
    ratio: Ratio
    rounds: int
    ours: str
    other: str

    @property
    def verdict(self) -> str:
        """Reached and missed are beyond the interval; else only the median says something."""
        if self.rounds < FEWEST:
            return "not shown"
        if self.ratio.low >= self.bar.least:
            return "reached"
        if self.ratio.high < self.bar.least:
            return "missed"
        return "by the median" if self.ratio.middle >= self.bar.least else "not shown"


BARS = (
    Bar("COPY from tuples in the session's transaction, to raw COPY", "insert",
        ("sqlalchemy_tuned.insert_copy",), ("asyncpg.insert",), 0.95),
    Bar("COPY from dictionaries in the session's transaction, to raw COPY", "insert",
        ("sqlalchemy_tuned.insert_copy_dicts",), ("asyncpg.insert",), 0.85),
    Bar("ORM bulk insert, by arrays, to raw COPY", "insert",
        ("sqlalchemy_tuned.insert_unnest",), ("asyncpg.insert",), 0.4),
    Bar("ORM bulk insert, by a list of dictionaries, to raw COPY", "insert",
        ("sqlalchemy.insert_bulk",), ("asyncpg.insert",), 0.4),
    Bar("ORM bulk insert, by a list of dictionaries, to raw executemany", "insert",
        ("sqlalchemy.insert_bulk",), ("asyncpg.insert_executemany",), 0.4),
    Bar("ORM bulk insert, to the fastest peer's insert", "insert",
        ("sqlalchemy.insert_bulk",), PEERS, 1.0),
    Bar("update through the session, to raw executemany", "update",
        ("sqlalchemy_tuned",), ("asyncpg.update",), 1.0),
    Bar("upsert through the session, to raw executemany", "upsert",
        ("sqlalchemy_tuned",), ("asyncpg.upsert",), 1.0),
    Bar("Core rows, to raw fetch", "rows", ("sqlalchemy_core",), ("asyncpg.rows",), 0.75),
    Bar("a user with 50 points in one statement, to two raw queries, on one connection", "walk",
        ("sqlalchemy_core.walk_rows", "sqlalchemy_core.walk_arrays",
         "sqlalchemy_core.walk_run_sync"), ("asyncpg.walk",), 0.85),
    Bar("a user with 50 points in one statement, to two raw queries, each from the pool", "walk",
        ("sqlalchemy_core.walk_json",), ("asyncpg.walk_pool",), 0.85),
    Bar("a user with 50 points as entities, to the fastest peer's idiomatic form", "walk",
        ("sqlalchemy_tuned",), PEERS, 1.0, "idiomatic"),
    Bar("get, observed as the scripts are, to the same unobserved", "get",
        ("sqlalchemy.get_observed",), ("sqlalchemy.get",), 1 / 1.1),
    Bar("entities, while the collector rests, to raw fetch", "rows",
        ("sqlalchemy_tuned.rows_collector",), ("asyncpg.rows",), 0.35, stretch=True),
    Bar("entities, while the collector rests, to the fastest peer's objects", "rows",
        ("sqlalchemy_tuned.rows_collector",), PEERS, 1.0, "idiomatic", stretch=True),
    Bar("streamed entities, to the raw cursor", "stream",
        ("sqlalchemy_tuned.stream_collector",), ("asyncpg.stream",), 0.4, stretch=True),
    Bar("get with ten tasks, a session each, to asyncpg's pool", "tasks",
        ("sqlalchemy_tuned",), ("asyncpg.tasks",), 0.5, stretch=True),
    *(Bar(f"{name}: our fastest public pattern, to the fastest peer's", name, OURS, PEERS, 1.0)
      for name in ("insert", "update", "upsert", "rows", "stream", "get", "tasks", "walk")),
)  # fmt: skip


def measured(document: Found) -> Iterator[Measured]:
    """The bars whose workload and patterns are in the document."""
    workloads = {each["name"]: each["patterns"] for each in document["workloads"]}
    for bar in BARS:
        patterns = workloads.get(bar.workload, [])
        ours = _fastest(patterns, bar.ours, "")
        other = _fastest(patterns, bar.others, bar.mark)
        if ours and other:
            ratio = ratio_of(other["milliseconds"], ours["milliseconds"])
            yield Measured(bar, ratio, len(ours["milliseconds"]), key(ours), key(other))


def _fastest(patterns: Sequence[Found], names: Sequence[str], mark: str) -> Found | None:
    found = [each for each in patterns if key(each) in names or each["contender"] in names]
    found = [each for each in found if mark in ("", each["mark"])]
    return min(found, key=middle, default=None)


def key(pattern: Found) -> str:
    """A pattern's contender and name."""
    return f"{pattern['contender']}.{pattern['name']}"
