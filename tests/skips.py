"""A script that was skipped skips its test."""

import re

import pytest
from packaging.requirements import Requirement

from orm_async_tests.harness.judge import SKIPPED
from orm_async_tests.harness.result import Result
from orm_async_tests.versions.ranges import within


def skip_as(result: Result) -> None:
    """Skip what the script skipped, if the driver or a version that it names really is outside."""
    if result.verdict.word != SKIPPED:
        return
    stack, about = result.stack, Requirement(result.script.only or result.stack.driver)
    mine = about.name == stack.driver
    outside = {
        stack.driver: not mine,
        stack.driver_version: mine and stack.driver_version not in about.specifier,
        stack.sqlalchemy: not within(stack.sqlalchemy, result.script.since),
    }
    told = re.findall(r"this is ([\w.]+)", result.verdict.reason)
    assert [outside[each] for each in told] == [True], result.verdict.reason
    pytest.skip(result.verdict.reason)
