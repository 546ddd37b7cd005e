"""Skips the test of a script that was skipped for its version or a missing PgBouncer."""

import re

import pytest
from packaging.requirements import Requirement

from orm_async_tests.harness.environment.requirements import PGBOUNCER, find_missing
from orm_async_tests.harness.report.result import Result
from orm_async_tests.stack_options import DRIVERS
from orm_async_tests.verdicts import SKIPPED
from orm_async_tests.versions.ranges import within


def skip_as(result: Result) -> None:
    """Skip the test if the script was skipped, and fail if the reason is wrong.

    A reason is right if its driver or version is outside the script's range, or if PgBouncer is
    missing and ORM_ASYNC_REQUIRE does not require PgBouncer.
    """
    if result.verdict.word != SKIPPED:
        return
    poolers = [need for need in result.script.requirements if need.startswith(PGBOUNCER)]
    if missing := next(filter(None, (find_missing(need, wire=True) for need in poolers)), None):
        pytest.skip(str(missing))
    stack, about = result.stack, Requirement(result.script.only or result.stack.driver)
    is_about_driver = about.name == stack.driver
    outside = {
        stack.driver: not is_about_driver or stack.driver not in (*DRIVERS, result.script.also),
        stack.driver_version: is_about_driver and stack.driver_version not in about.specifier,
        stack.sqlalchemy: not within(stack.sqlalchemy, result.script.since),
    }
    names = re.findall(r"this is ([\w.]+)", result.verdict.reason)
    assert [outside[name] for name in names] == [True], result.verdict.reason
    pytest.skip(result.verdict.reason)
