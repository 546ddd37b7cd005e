"""The fixture `fault_sweep` in a separate run of pytest."""

import re
from pathlib import Path

import pytest

from orm_async_tests import db
from tests.pytest_plugin.pytest_runs import SUITES, copy_suites, run_pytest

SUITE = "orders_suite.py"
TEST = f"{SUITE}::test_an_order_is_placed_completely_or_not_at_all"
PLUGIN = ("-p", "orm_async_tests.pytest_plugin.fault_sweep")
POINT = re.compile(r"orders_suite\.py:(\d+) place_order.*\n +pytest (\S+) --fault-point (\S+)")


@pytest.mark.parametrize("runner", ["asyncio", pytest.param("anyio", marks=pytest.mark.thorough)])
def test_failing_points_are_shown_and_run_first_until_they_pass(
    tmp_path: Path, empty_database: db.Database, runner: str
) -> None:
    first = run_orders(tmp_path, empty_database, runner)
    first.assert_outcomes(failed=1)
    points = POINT.findall(first.stdout.str())
    assert points
    lines = (SUITES / SUITE).read_text("utf-8").splitlines()
    for line, test, _ in points:  # a line of the second transaction
        assert "begin()" in lines[int(line) - 1] or "laces" in lines[int(line) - 1]
        assert test == TEST
    first.stdout.no_fnmatch_line("*last time*")

    cured = run_orders(tmp_path, empty_database, runner, "-rA", CURED="1")
    cured.assert_outcomes(passed=1)
    cured.stdout.fnmatch_lines([f"*points that failed last time run first ({len(points)})"])
    assert cured.stdout.str().count("passes now") == len(points)
    assert not list((tmp_path / ".pytest_cache/d/orm-async-faults/faults").iterdir())


@pytest.mark.thorough
def test_one_point_can_be_run_alone(tmp_path: Path, empty_database: db.Database) -> None:
    result = run_orders(tmp_path, empty_database, "asyncio", "--fault-point", "timeout-suspended/6")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*1 point: 1 violation,*"])
    wrong = run_orders(tmp_path, empty_database, "asyncio", "--fault-point", "6")
    wrong.stdout.fnmatch_lines(["*CouldNotRun: '6' is not a fault point*", "*where: --fault-point"])
    missing = run_orders(
        tmp_path, empty_database, "asyncio", "--fault-point", "timeout-suspended/99"
    )
    missing.stdout.fnmatch_lines(["*CouldNotRun: with this fault, *, and no point 99*"])


def run_orders(
    folder: Path, database: db.Database, runner: str, *arguments: str, **variables: str
) -> pytest.RunResult:
    """Run the suite with the fixture's plugin."""
    copy_suites(folder, SUITE)
    return run_pytest(folder, database.url, *PLUGIN, TEST, *arguments, runner=runner, **variables)
