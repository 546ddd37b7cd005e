"""What contenders are asked to do: two suites of workloads, each with a table that they write."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from orm_async_tests.bench.contenders.given import TASKS, USERS


@dataclass(frozen=True)
class Suite:
    """Workloads; those that find rows in the table find them new before each turn."""

    titles: Mapping[str, str]
    table: str
    rows: str  # the size that says how many
    fill: str  # makes them
    written: str  # tells what a turn has written
    there: Mapping[str, float]  # of the rows, before a turn
    at_once: Collection[str]  # are done in tasks, each with a connection
    clocked: Collection[str] = ()  # whose single reads are timed too
    folder: str = ""  # of contenders

    def connections(self, workload: str) -> int:
        """How many warm connections a contender has."""
        return TASKS if workload in self.at_once else 1


POINTS = Suite(
    titles={
        "insert": "Insert rows",
        "update": "Update rows by their keys, each to a value of its own",
        "upsert": "Upsert rows, half of them new",
        "rows": "Read rows",
        "stream": "Stream rows",
        "get": "Get by key",
        "tasks": "Get by key, ten tasks",
        "walk": "A user with the latest 50 points",
    },
    table="marks",
    rows="write",
    fill=f"""INSERT INTO marks (id, user_id, lat, lon, date)
    SELECT n, 1 + (n - 1) % {USERS}, 1.25, (n - 1) % 180 + 0.5,
        '2026-01-01Z'::timestamptz + (n - 1) * interval '1 second'
    FROM generate_series(1, $1::int) n""",
    written="""SELECT count(*), sum(lat), md5(string_agg(
        format('%s %s %s %s %s', id, user_id, lat, lon, extract(epoch FROM date)), ',' ORDER BY id))
    FROM marks""",
    there={"insert": 0.0, "update": 1.0, "upsert": 0.5},
    at_once=("tasks",),
    clocked=("get", "tasks"),
)

JOURNAL_TITLES = {
    "single": "A. Insert rows, a transaction for each",
    "batch": "B. Insert rows one by one, in a transaction for each task",
    "bulk": "C. Insert rows in bulk",
    "large": "D. Read many rows as objects",
    "small": "E. Read pages of 20 objects",
    "get": "F. Get an object by its key",
    "dicts": "G. Read many rows as dictionaries",
    "tuples": "H. Read many rows as tuples",
    "whole": "I. Update two columns of each object",
    "partial": "J. Update one column of each object",
    "delete": "K. Delete each object",
}
INSERTS = ("single", "batch", "bulk")

JOURNAL = Suite(
    titles=JOURNAL_TITLES,
    table="journal",
    rows="rows",
    fill="""INSERT INTO journal (id, timestamp, level, text)
    SELECT n, '2026-01-01Z'::timestamptz + (n - 1) * interval '1 second',
        10 * (1 + (n - 1) % 5), 'entry ' || n - 1
    FROM generate_series(1, $1::int) n""",
    written="""SELECT count(*), count(DISTINCT id), sum(level), md5(string_agg(
        format('%s %s %s', text, level, extract(epoch FROM timestamp)), ',' ORDER BY text))
    FROM journal""",
    there={name: 0.0 if name in INSERTS else 1.0 for name in JOURNAL_TITLES},
    at_once=tuple(JOURNAL_TITLES),
    folder="journal",
)
