"""The eight workloads: what a report calls them, and the rows that they need and write."""

from benchmarks.patterns.contenders.work import TASKS, USERS

TITLES = {
    "insert": "Insert rows",
    "update": "Update rows by primary key, every row to a different value",
    "upsert": "Upsert rows, half of them new",
    "rows": "Read rows",
    "stream": "Stream rows",
    "get": "Get rows by primary key",
    "tasks": "Get rows by primary key in ten tasks",
    "walk": "Read users with their latest 50 points",
}
# Before a turn of these workloads, the table holds this part of the rows that the turn writes.
FILLED = {"insert": 0.0, "update": 1.0, "upsert": 0.5}
FILL = f"""INSERT INTO marks (id, user_id, lat, lon, date)
    SELECT n, 1 + (n - 1) % {USERS}, 1.25, (n - 1) % 180 + 0.5,
        '2026-01-01Z'::timestamptz + (n - 1) * interval '1 second'
    FROM generate_series(1, $1::int) n"""
READ_BACK = """SELECT count(*), sum(lat), md5(string_agg(
        format('%s %s %s %s %s', id, user_id, lat, lon, extract(epoch FROM date)), ',' ORDER BY id))
    FROM marks"""


def count_connections(workload: str) -> int:
    """Return how many warm connections a contender has for a workload."""
    return TASKS if workload == "tasks" else 1
