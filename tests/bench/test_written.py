"""What is made of a comparison: bars, Markdown, charts, and the page in the documents."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orm_async_tests.bench.bars import measured
from orm_async_tests.bench.drawn import charts
from orm_async_tests.bench.environments import contenders
from orm_async_tests.bench.shown import text
from orm_async_tests.bench.written import markdown

ROOT = Path(__file__).parents[2]
RATIO = {"middle": 0.5, "low": 0.4, "high": 0.6}
STACK = {
    "date": "2026-11-28",
    "machine": "a machine",
    "cpus": 2,
    "load": [0.1, 0.2],
    "server": "a server",
    "contenders": {"asyncpg": {"versions": {"asyncpg": "1"}, "why": ""}},
}


def pattern(key: str, *milliseconds: float, mark: str = "raw") -> dict[str, Any]:
    """A pattern of a comparison that took so long in its rounds."""
    contender, _, name = key.partition(".")
    told = {"contender": contender, "name": name, "label": f"how {key}", "mark": mark, "line": 1}
    sent = {"round_trips": 2, "statements": [{"sql": "SELECT 1", "times": 3}]}
    judged = {"ratio": RATIO, "verdict": "slower", "cpu": 0.25}
    return {**told, **sent, **judged, "milliseconds": list(milliseconds)}


def document(workload: str, *patterns: dict[str, Any]) -> dict[str, Any]:
    """A comparison in one workload."""
    found = {"name": workload, "title": "A title", "rounds": 5, "sizes": {"write": 1}}
    return {"stack": STACK, "workloads": [{**found, "control": RATIO, "patterns": [*patterns]}]}


@pytest.mark.parametrize(
    ("milliseconds", "verdict"),
    [
        ([10, 10, 10, 10, 10], "reached"),
        ([30, 30, 30, 30, 30], "missed"),
        ([10, 10, 10, 10, 30], "by the median"),
        ([10, 30, 30, 30, 30], "not shown"),
        ([10, 10, 10], "not shown"),
    ],
)
def test_a_bar_is_reached_or_missed_beyond_its_interval(
    milliseconds: list[float], verdict: str
) -> None:
    raw = pattern("asyncpg.rows", *[10.0] * len(milliseconds))
    core = pattern("sqlalchemy_core.rows", *milliseconds)
    [bar] = measured(document("rows", raw, core))
    assert (bar.verdict, bar.ours, bar.other) == (verdict, "sqlalchemy_core.rows", "asyncpg.rows")


def test_ours_is_held_against_the_fastest_peer() -> None:
    found = document(
        "walk",
        pattern("sqlalchemy_tuned.walk_lateral", *[10] * 5),
        pattern("tortoise.walk", *[12] * 5, mark="idiomatic"),
        pattern("piccolo.walk", *[11] * 5, mark="idiomatic"),
        pattern("django.walk_values", *[5] * 5, mark="tuned"),
    )
    against = {each.bar.mark: each.other for each in measured(found)}
    assert against == {"idiomatic": "piccolo.walk", "": "django.walk_values"}


def test_a_page_leads_to_the_code_and_the_chart_of_each() -> None:
    raw, core = pattern("asyncpg.rows", *[1] * 5), pattern("sqlalchemy_core.rows", *[1] * 5)
    page = "\n".join(markdown(document("rows", raw, core), "charts"))
    assert "](../src/orm_async_tests/bench/contenders/sqlalchemy_core.py#L1)" in page
    assert "](charts/rows.svg)" in page


def test_a_terminal_shows_code_and_statements_on_request() -> None:
    raw = pattern("asyncpg.rows", *[1] * 5)
    shown = "\n".join(text(document("rows", raw), {"asyncpg.rows": "await the_code()"}))
    assert "await the_code()" in shown
    assert "3 x SELECT 1" in shown


def test_a_chart_says_in_words_what_it_shows() -> None:
    found = document("rows", pattern("asyncpg.rows", *[1] * 5))
    line = {**pattern("asyncpg.rows"), "ratios": [RATIO, RATIO]}
    found["delays"] = [{"workload": "rows", "steps": [0, 1], "lines": [line, line]}]
    drawn = dict(charts(found))
    assert set(drawn) == {"rows", "rows-delays"}
    for words in ("how asyncpg.rows", "A title", "0.50", "raw"):
        assert words in drawn["rows"]
    assert drawn["rows"] == dict(charts(found))["rows"]


def test_the_page_follows_from_the_recorded_comparison() -> None:
    check = [sys.executable, str(ROOT / "tools/peers.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_page_names_every_contender() -> None:
    page = (ROOT / "docs/bench.md").read_text("utf-8")
    assert [name for name in contenders() if f"\n- {name}: " not in page] == []
