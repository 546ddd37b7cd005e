"""docs/bench.md names every pattern of every contender, and no other."""

import ast
import re
from pathlib import Path

import pytest
from benchmarks.patterns import contenders
from benchmarks.patterns.comparison import PatternResult, Ratio, WorkloadResult
from benchmarks.patterns.contenders import CONTENDERS
from benchmarks.patterns.measure import Report, write_page

from orm_async_tests.errors import CouldNotRun

PAGE = Path(__file__).parents[2] / "docs/bench.md"
RESULT = PatternResult(
    "asyncpg", "rows", "fetch", "raw", Ratio(1, 1, 1), "base", 1.0, [3.0, 1.0, 2.0], 2
)
WORKLOAD = WorkloadResult("rows", "Read rows", 3, {"read": 5}, Ratio(1, 0.9, 1.1), [RESULT])
REPORT = Report("2026-11-28", "a machine", [0.1], "a server", {"asyncpg": {"x": "1"}}, [WORKLOAD])


def test_the_page_names_every_pattern_and_no_other() -> None:
    labels = set()
    for contender in CONTENDERS:
        source = Path(contenders.__file__).with_name(f"{contender.name}.py").read_text("utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.AsyncFunctionDef) and node.name != "connected":
                labels.add(f"{contender.name}: {ast.get_docstring(node)}")
                if node.name.startswith("get"):
                    labels.add(f"{contender.name}: {ast.get_docstring(node)}, in ten tasks")
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


def test_a_page_without_the_comments_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a page\n")
    with pytest.raises(CouldNotRun):
        write_page(page, REPORT)
    assert page.read_text() == "a page\n"
