"""A script that was skipped skips its test, where what it lacks is a version or PgBouncer."""

import re

import pytest
from packaging.requirements import Requirement

from orm_async_tests.db import DRIVERS
from orm_async_tests.harness.environment.requirements import PGBOUNCER, find_missing
from orm_async_tests.harness.report.result import Result
from orm_async_tests.verdicts import SKIPPED
from orm_async_tests.versions.ranges import within


def skip_as(result: Result) -> None:
    """Skip what the script skipped, if the driver or a version that it names really is outside.

    And without PgBouncer, which no package of ours brings: ORM_ASYNC_REQUIRE=pgbouncer forbids it.
    """
    if result.verdict.word != SKIPPED:
        return
    poolers = [need for need in result.script.requirements if need.startswith(PGBOUNCER)]
    if reasons := [reason for need in poolers if (reason := find_missing(need, wire=True))]:
        pytest.skip(reasons[0])
    stack, about = result.stack, Requirement(result.script.only or result.stack.driver)
    mine = about.name == stack.driver
    outside = {
        stack.driver: not mine or stack.driver not in (*DRIVERS, result.script.also),
        stack.driver_version: mine and stack.driver_version not in about.specifier,
        stack.sqlalchemy: not within(stack.sqlalchemy, result.script.since),
    }
    told = re.findall(r"this is ([\w.]+)", result.verdict.reason)
    assert [outside[each] for each in told] == [True], result.verdict.reason
    pytest.skip(result.verdict.reason)
