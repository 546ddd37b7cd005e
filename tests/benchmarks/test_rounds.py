"""Computing ratios from rounds: the median, the interval, and significant differences."""

import pytest
from benchmarks.patterns.comparison import (
    Ratio,
    compare_answers,
    compare_speeds,
    interval,
    ratio_of,
)

from orm_async_tests.errors import CouldNotRun

QUIET = Ratio(1.0, 0.95, 1.05)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(1, 1, 1), (5, 1, 5), (7, 1, 7), (8, 1, 8), (9, 2, 8), (15, 4, 12)]
)
def test_an_interval_is_as_narrow_as_the_rounds_allow(count: int, low: int, high: int) -> None:
    ratio = interval(float(value) for value in range(count, 0, -1))
    assert (ratio.low, ratio.high) == (low, high)
    assert ratio.median == (count + 1) / 2


def test_twice_as_fast_is_two() -> None:
    assert ratio_of([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]) == Ratio(2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (Ratio(1.3, 1.1, 1.4), "faster"),
        (Ratio(0.7, 0.6, 0.9), "slower"),
        (Ratio(1.1, 1.0, 1.2), "level"),
        (Ratio(1.1, 0.8, 1.3), "unstable"),
    ],
)
def test_a_difference_must_exceed_what_the_control_shows(ratio: Ratio, expected: str) -> None:
    assert compare_speeds(ratio, QUIET, 7) == expected


def test_a_loud_machine_shows_no_difference() -> None:
    loud = Ratio(1.0, 0.5, 2.0)
    assert compare_speeds(Ratio(1.8, 1.7, 1.9), loud, 7) == "level"


def test_a_few_rounds_show_nothing() -> None:
    assert compare_speeds(Ratio(3.0, 3.0, 3.0), QUIET, 4) == "unstable"


def test_a_different_answer_is_refused_with_both_names() -> None:
    with pytest.raises(CouldNotRun) as refused:
        compare_answers({"asyncpg.get": [1, 2.5], "other.get": [1, 2.75]})
    assert "other.get" in refused.value.problem
    assert "asyncpg.get" in refused.value.problem
