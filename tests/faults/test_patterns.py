"""Quick faults cause no unknown violations in patterns. `nox -s faults` injects all faults."""

import asyncio

import pytest

from orm_async_tests import db
from orm_async_tests.faults.expected_violations import find_unshown_defects
from orm_async_tests.faults.fault_points import ANYWHERE
from orm_async_tests.faults.planning import plan_sweeps, select_functions
from orm_async_tests.faults.report import Report
from orm_async_tests.faults.sweeping import read_versions, sweep_failed_first

POINTS = {  # the number of fault points: faults ANYWHERE, on asyncio's loop
    "add": 72,
    "transfer": 232,
    "load": 112,
    "stream": 84,
    "commit": 72,
    "take": 152,
    "dependency": 72,
    "copy": 112,
}
AMBIGUOUS = 14  # in each pattern that writes: while COMMIT is answered, or as its connection ends
STALLS = 1  # points whose rerun may differ, because the machine stalled for seconds


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name == "commit" else pytest.mark.thorough) for name in POINTS],
)
def test_a_pattern_survives_every_fault_at_every_point(database: db.Database, name: str) -> None:
    [pattern] = select_functions([name], None)
    sweeps = plan_sweeps(pattern, database, ANYWHERE, "asyncio", None)
    versions = read_versions("asyncpg")
    cells = asyncio.run(sweep_failed_first(sweeps))
    report = Report(cells)
    assert not report.violating, report
    assert all(outcome.unconfirmed for outcome in report.unresolved), report
    assert len(report.unresolved) <= STALLS, report
    assert not list(find_unshown_defects(cells, versions))
    assert len(report.outcomes) == POINTS[name]
    assert len(report.ambiguous) == (AMBIGUOUS if pattern.rows else 0)
    assert all(cell.counts[0] == cell.counts[1] for cell in cells)
