"""docs/bench.md names every pattern of every contender, and no other."""

import re
from pathlib import Path

import pytest
from benchmarks.patterns.comparison import PatternResult, Ratio, WorkloadResult
from benchmarks.patterns.contenders import CONTENDERS, patterns_of
from benchmarks.patterns.measure import Report, parse_arguments, write_page

from orm_async_tests.errors import CouldNotRun

PAGE = Path(__file__).parents[2] / "docs/bench.md"
RESULT = PatternResult(
    "asyncpg", "rows", "fetch", "raw", Ratio(1, 1, 1), "base", 1.0, [3.0, 1.0, 2.0], 2
)
WORKLOAD = WorkloadResult("rows", "Read rows", 3, {"read": 5}, Ratio(1, 0.9, 1.1), [RESULT])
REPORT = Report("2026-11-28", "a machine", [0.1], "a server", {"asyncpg": {"x": "1"}}, [WORKLOAD])


def test_the_page_names_every_pattern_and_no_other() -> None:
    labels = {f"{name}: {pattern.label}" for name in CONTENDERS for pattern in patterns_of(name)}
    figures = PAGE.read_text("utf-8").partition("<!-- figures")[2].partition("<!-- /figures")[0]
    assert set(re.findall(r"^\| (\w+: .*?) \|", figures, re.MULTILINE)) == labels


def test_figures_are_written_between_the_comments_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures: written by x -->\nold\n<!-- /figures -->\nafter\n")
    write_page(page, REPORT)
    text = page.read_text()
    row = (
        "| asyncpg: fetch | raw | 1.00 | 1.00 to 1.00 | base | 1.00 | 2 | 2.0 |\n<!-- /figures -->"
    )
    assert row in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")


@pytest.mark.parametrize("name", ["page.md", "missing.md", "missing/page.md", "."])
def test_a_page_that_takes_no_figures_is_refused_before_the_measurements(
    tmp_path: Path, name: str
) -> None:
    page = tmp_path / "page.md"
    page.write_text("a page\n")
    with pytest.raises(CouldNotRun):
        parse_arguments(["--into", str(tmp_path / name)])
    assert page.read_text() == "a page\n"
