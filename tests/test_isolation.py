"""Each cell of the table of isolation levels agrees with PostgreSQL's documentation."""

from pathlib import Path

from orm_async_tests import catalogue, db
from orm_async_tests.harness.run.anomalies import LEVELS, tabulate_anomalies
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script

PAGE = Path(__file__).parent.parent / "docs/isolation.md"
OCCURS, PREVENTED, FAILS = "occurs", "prevented", "40001"
# The statements of PostgreSQL's chapter on transaction isolation, and the results of Hermitage.
# 40001 means that an error prevents the anomaly, which Hermitage's table also calls prevented.
EXPECTED = {
    "G0 dirty write": (PREVENTED, FAILS, FAILS),
    "G1a aborted read": (PREVENTED, PREVENTED, PREVENTED),
    "G1b intermediate read": (PREVENTED, PREVENTED, PREVENTED),
    "G1c circular": (PREVENTED, PREVENTED, FAILS),
    "OTV observed transaction vanishes": (PREVENTED, FAILS, FAILS),
    "PMP read predicate": (OCCURS, PREVENTED, PREVENTED),
    "PMP write predicate": (OCCURS, FAILS, FAILS),
    "P4 lost update": (OCCURS, FAILS, FAILS),
    "G-single read skew": (OCCURS, PREVENTED, PREVENTED),
    "G-single predicate": (OCCURS, PREVENTED, PREVENTED),
    "G-single write": (OCCURS, FAILS, FAILS),
    "G2-item write skew": (OCCURS, OCCURS, FAILS),
    "G2 new rows": (OCCURS, OCCURS, FAILS),
    "G2 two edges": (OCCURS, OCCURS, FAILS),
}


def test_every_anomaly_is_prevented_at_the_documented_levels_and_occurs_below(
    database: db.Database,
) -> None:
    scripts = [Script.of(entry.load()) for entry in catalogue.select([], ["isolation"])]
    results = (run_script(script, database).observations for script in scripts)
    head, *rows = tabulate_anomalies(results)
    assert [word.lower().replace(" ", "_") for word in head[1:]] == list(LEVELS)
    assert {name: tuple(cells) for name, *cells in rows} == EXPECTED
    page = PAGE.read_text("utf-8")
    assert [row for row in rows if f"| {' | '.join(row)} |\n" not in page] == []
