"""A slice of `orm-async-tests faults` in every run of the tests: some 900 points."""

import asyncio

import pytest

from orm_async_tests import db
from orm_async_tests.faults import Report, known, runs
from orm_async_tests.faults.kinds import ANYWHERE
from orm_async_tests.faults.sweeping import libraries

POINTS = {  # of the seven kinds of faults, in asyncio's loop
    "add": 72,
    "transfer": 232,
    "load": 112,
    "stream": 84,
    "commit": 72,
    "take": 152,
    "dependency": 72,
    "copy": 112,
}
AMBIGUOUS = 14  # of each that writes: while COMMIT is answered and its waiter runs, or it is cut
STALLS = 1  # points at which the machine stood still for seconds: seen once, and not again


def test_the_slice_has_six_hundred_points() -> None:
    assert sum(POINTS.values()) >= 600


@pytest.mark.parametrize("name", POINTS)
def test_a_pattern_survives_every_fault_at_every_point(database: db.Database, name: str) -> None:
    with runs.places_for(database, ANYWHERE) as places:
        [pattern] = runs.chosen([name], None)
        cells = asyncio.run(runs.sweep_one(pattern, places, "asyncio", lambda _: None))
    known.explained(cells, libraries("asyncpg"))
    report = Report(cells)
    assert not report.violating, report
    assert all(each.once for each in report.unresolved), report.unresolved
    stalls = [(each.point.token, each.once) for each in report.unresolved]
    assert len(stalls) <= STALLS, stalls
    assert not list(known.absent(cells, libraries("asyncpg")))
    assert len(report.outcomes) == POINTS[name]
    assert len(report.ambiguous) == (AMBIGUOUS if pattern.rows else 0)
    assert all(cell.counts[0] == cell.counts[1] for cell in cells)
