"""The gate: what the main patterns call may grow or shrink by a twentieth, not by more."""

import tomllib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.profiles import counting
from tests.profiles.page import PAGE
from tests.profiles.patterns import PATTERNS

LOCK = Path(__file__).parents[2] / "poetry.lock"
TOLERANCE = 0.05
COMMAND = "nox -s profile -- --record"


def test_the_main_patterns_call_as_many_functions_as_recorded(home: object) -> None:
    if counting.stack() not in counting.recorded():
        pytest.skip(f"no counts are recorded for {counting.stack()}: {COMMAND}")
    expected = counting.recorded()[counting.stack()]
    # In a new process: listeners of other tests would be called, and classes do not forget them.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        counts = process.submit(counting.counted).result()
    other = {
        name: f"{count.total():.1f} and not {expected[name]}"
        for name, count in counts.items()
        if count.total() != pytest.approx(float(expected[name]), rel=TOLERANCE)
    }
    assert other == {}, f"if that is meant: {COMMAND}"


def test_the_locked_versions_are_recorded() -> None:
    packages = tomllib.loads(LOCK.read_text("utf-8"))["package"]
    locked = {each["name"]: each["version"] for each in packages}
    mine = {name: locked[name] for name in counting.LIBRARIES}
    sections = counting.recorded().sections()
    ends = {each.partition(", ")[2] for each in sections}  # on whichever Python
    assert counting.named(mine, "compiled").partition(", ")[2] in ends, COMMAND


def test_the_page_is_of_the_locked_versions_and_has_every_pattern() -> None:
    page = PAGE.read_text("utf-8")
    assert any(f"\n{each}:\n" in page for each in counting.recorded().sections())
    assert [name for name in PATTERNS if f"\n| {name} |" not in page] == []


def test_no_count_is_recorded_of_what_is_not_counted_any_more() -> None:
    recorded = counting.recorded()
    assert [set(recorded[each]) for each in recorded.sections()] == [
        set(PATTERNS) for _ in recorded.sections()
    ]
