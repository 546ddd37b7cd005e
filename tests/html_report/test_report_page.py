"""The page contains every script, is small, and escapes the texts of result files."""

import base64
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from orm_async_tests import catalogue, db
from orm_async_tests.harness.report import result as run_result
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script
from orm_async_tests.html_report import changes, figures, page, recorded_tables
from orm_async_tests.html_report.panels import build_panels
from orm_async_tests.html_report.result_files import Results, read_results
from orm_async_tests.questions import read_questions
from tests.cli.commands import orm
from tests.html_report.html_parts import Page, run_document, spread_over_scripts
from tests.matrix.sample_records import IDENTITY, make_records, write_records

STACKS = 8
SCRIPTS = catalogue.select([], ["pool"])
HOSTILE = "\0</script><script>alert(1)</script><img src=x onerror=alert(1)>\ud800\x1b"
DEFECT = {"description": HOSTILE, "versions": {HOSTILE: HOSTILE}, "link": "javascript:alert(1)"}
EVENT = {"k": "statement", "t": 1, "n": 1, "c": 1, "l": 1, "s": HOSTILE, "e": HOSTILE}
VARIANT: dict[str, Any] = {
    "name": "lazy",
    "kind": HOSTILE,
    "value": HOSTILE,
    "error": None,
    "log": [HOSTILE],
}
VARIANT |= {"sql": [HOSTILE], "sqlstates": [HOSTILE]}
VARIANT |= {"round_trips": 1, "warnings": [HOSTILE], "unhandled": [HOSTILE]}
EVIDENCE = {"assertion": HOSTILE, "values": HOSTILE, "holds": False}
RESULT: dict[str, Any] = {"number": 5, "verdict": "BROKEN", "reason": HOSTILE, "defects": [DEFECT]}
RESULT |= {"evidence": [EVIDENCE], "variants": [VARIANT]}


@pytest.fixture(scope="module")
def real_result(database: db.Database) -> dict[str, Any]:
    """The result of test32 on the embedded server, as JSON."""
    script = Script.of(catalogue.select_one("32").load())
    document = run_result.document([run_script(script, database)])
    loaded: dict[str, Any] = json.loads(json.dumps(document))["results"][0]
    return loaded


def combine(*documents: Any) -> Results:
    """Return the results in these documents."""
    results = Results()
    for document in documents:
        results.add(document, "results.json")
    return results


@pytest.fixture(scope="module")
def chapter_page(real_result: dict[str, Any]) -> str:
    """A page of one chapter on eight stacks, from one real result."""
    spread = spread_over_scripts(real_result, SCRIPTS)
    results = combine(*(run_document(spread, python=f"3.{minor}.0") for minor in range(STACKS)))
    assert not results.problems
    panels = build_panels(results, SCRIPTS)
    return page.render_report(results, panels, "orm-async-tests report results.json")


def render(*documents: Any) -> tuple[str, Results]:
    """Return a page of test5 from these documents."""
    results = combine(*documents)
    panels = build_panels(results, catalogue.select(["5"]))
    return page.render_report(results, panels, "orm-async-tests report"), results


def test_the_page_has_every_script_question_and_verdict(chapter_page: str) -> None:
    parsed = Page(chapter_page)
    ids = list(parsed.values("id"))
    assert len(ids) == len(set(ids))
    assert {script.command for script in SCRIPTS} <= set(ids)
    assert [script for script in SCRIPTS if script.claim not in parsed.text] == []
    assert [item for item in read_questions() if item.text not in parsed.text] == []
    assert parsed.text.count("HOLDS") > len(SCRIPTS) * STACKS
    assert parsed.open == []


def test_the_page_loads_nothing_and_runs_only_its_filter(chapter_page: str) -> None:
    assert_runs_only_the_filter(chapter_page)
    links = [link for link in Page(chapter_page).values("href") if link[0] != "#"]
    assert {link.partition(":")[0] for link in links} == {"https", "data"}


def assert_runs_only_the_filter(html: str) -> None:
    """Assert that a page contains only the script that its security policy allows."""
    parsed = Page(html)
    tags = [tag for tag, _ in parsed.elements]
    assert tags.count("script") == 1
    assert {"img", "iframe", "object", "embed"}.isdisjoint(tags)
    script = (page.TEMPLATES / "filter.js").read_text("utf-8")
    assert script in parsed.code
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in next(parsed.values("content"))
    names = {name for _, attributes in parsed.elements for name in attributes}
    assert not any(name.startswith("on") for name in names)
    assert "src" not in names
    assert not [link for link in parsed.values("href") if re.match(r"(?i)\s*javascript", link)]


def test_a_panel_has_the_sql_below_the_line_that_sent_it(
    real_result: dict[str, Any],
) -> None:
    results = combine(run_document([real_result]))
    panels = build_panels(results, catalogue.select(["32"]))
    [nested, passed_down] = panels[0].variants
    notes = {shown.line.text.strip(): shown.notes for shown in passed_down.lines if shown.notes}
    [(mark, text, _)] = notes["await session.execute(select(User))"]
    assert mark == ">"
    assert text.startswith("BEGIN; SELECT")
    marked = [shown.line.text.strip() for shown in nested.lines if shown.line.mark]
    assert 'return {"users": await count()}' in marked
    assert "await session.execute(select(User))" not in marked


def test_texts_of_a_result_file_stay_texts() -> None:
    html, results = render(run_document([RESULT], driver=HOSTILE, sqlalchemy=HOSTILE))
    assert_runs_only_the_filter(html)
    html.encode("utf-8")
    assert "\0" not in html
    assert "<script>alert(1)" in Page(html).text
    assert not results.problems


def test_a_statement_of_a_megabyte_is_shortened() -> None:
    html, _ = render(run_document([{**RESULT, "variants": [{**VARIANT, "log": ["x" * 2**20]}]}]))
    assert len(html) < 2**20


@pytest.mark.parametrize("events", [[EVENT], [{"k": "x"}], [3], {"a": 1}, [{**EVENT, "t": "x"}]])
def test_events_in_any_form_give_a_page(events: Any) -> None:
    html, _ = render(run_document([{**RESULT, "variants": [{**VARIANT, "events": events}]}]))
    assert_runs_only_the_filter(html)


@pytest.mark.parametrize("value", [None, "missing", 3, [3], {"a": []}])
def test_a_result_without_a_valid_field_gives_a_page_that_says_so(value: Any) -> None:
    """In the result of every script, a different field is invalid."""
    fields = [*RESULT, *(f"variants.{name}" for name in VARIANT)]
    scripts = catalogue.read_scripts()[: len(fields)]
    documents = []
    for script, name in zip(scripts, fields, strict=True):
        result = json.loads(json.dumps({**RESULT, "number": script.number}))
        target = result["variants"][0] if "." in name else result
        target[name.rpartition(".")[2]] = value
        documents.append(run_document([result]))
    if value == "missing":
        documents = [{**run_document([{}]), "stack": None}, run_document([{"variants": [{}]}])]
    results = combine(*documents)
    html = page.render_report(results, build_panels(results, scripts), "report")
    assert_runs_only_the_filter(html)
    assert len(results.problems) > len(RESULT)
    assert "Not everything could be read" in Page(html).text


def test_an_older_schema_is_named() -> None:
    html, _ = render({**run_document([RESULT]), "schema": 5})
    assert f"schema 5, this release writes {run_result.SCHEMA}" in Page(html).text


def test_a_partial_matrix_is_shown_with_what_it_has(tmp_path: Path) -> None:
    records = make_records({5: "HOLDS", 6: "TIMEOUT"})
    path = Path(write_records(tmp_path / "matrix.ndjson", records[:-1]))
    with path.open("a") as file:
        file.write('{"record": "resu')
    results = read_results([path])
    assert results.words(5) == ["HOLDS"]
    assert results.words(6) == ["TIMEOUT"]
    assert len(results.problems) == 2


def test_a_run_joins_the_stack_of_a_matrix_with_the_same_versions() -> None:
    run = {**run_document([RESULT]), "stack": IDENTITY}
    results = combine(*make_records({5: "HOLDS"}), run)
    assert list(results.stacks) == ["one"]
    assert results.details[5]["stack"] == "one"


def test_faults_and_benchmarks_are_shown_with_what_they_mean() -> None:
    cell: dict[str, Any] = {"work": "add", "fault": "cancel-ready", "violations": []}
    cell["verdicts"] = {"1": "pass", "2": "known", "3": HOSTILE}
    sweep = {"schema": 3, "stack": {"driver": "asyncpg"}, "cells": [cell]}
    ratio = {"median": 0.5, "low": 0.4, "high": float("inf")}
    patterns = [
        {"contender": name, "label": HOSTILE, "mark": "raw", "ratio": ratio, "verdict": "slower"}
        for name in ("asyncpg", "sqlalchemy")
    ]
    workload = {"name": "get", "title": "Get rows", "rounds": 7, "control": {}}
    bench = {"workloads": [{**workload, "patterns": patterns}], "date": "2026-01-01"}
    html, _ = render(sweep, bench)
    assert_runs_only_the_filter(html)
    text = Page(html).text
    assert "After a fault at each of 3 points, nothing was left behind" in text
    assert "reaches 0.50 of the rate" in text


def write_json(path: Path, document: Any) -> str:
    """Write a document and return the file's path."""
    path.write_text(json.dumps(document), "utf-8")
    return str(path)


def test_a_page_from_a_wheel_has_the_tables_of_the_documents(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    poolers, isolation = figures.pooler_table(), figures.isolation_table(Results())
    monkeypatch.setattr(recorded_tables, "DOCS", tmp_path / "docs")
    assert (figures.pooler_table(), figures.isolation_table(Results())) == (poolers, isolation)
    assert "asyncpg, both caches 0" in poolers.meaning


def test_a_comparison_lists_what_got_worse_first(tmp_path: Path) -> None:
    good = {**RESULT, "verdict": "HOLDS", "evidence": []}
    slower = {**good, "number": 6, "variants": [{**VARIANT, "round_trips": 3}]}
    before = run_document([{**good, "number": 6}, good, {**RESULT, "number": 7}])
    after = run_document([slower, RESULT, {**good, "number": 7}], sqlalchemy="2.1.10")
    files = [write_json(tmp_path / f"{n}.json", d) for n, d in enumerate((before, after))]
    done = orm("report", *files, "--diff", "-o", str(tmp_path / "diff.html"))
    assert done.returncode == 1, done.stderr
    html = (tmp_path / "diff.html").read_text("utf-8")
    assert_runs_only_the_filter(html)
    listed = changes.list_changes(*(read_results([Path(file)]) for file in files))
    assert [(change.severity, change.number) for change in listed] == [
        ("worse", 5),
        ("costlier", 6),
        ("better", 7),
        ("other", 0),
    ]


def test_the_variants_of_another_driver_are_not_compared() -> None:
    before, after = Results(), Results()
    before.add(run_document([RESULT]), "old")
    more = {**RESULT, "variants": [{**VARIANT, "round_trips": 9, "error": HOSTILE}]}
    after.add(run_document([more], driver="psycopg", driver_version="3.3.9"), "new")
    listed = changes.list_changes(before, after)
    assert {change.subject for change in listed} == {"test5: verdict"}


@pytest.mark.parametrize(("incomplete", "code"), [(0, 0), (1, 1)])
def test_an_incomplete_newer_run_does_not_look_like_success(
    incomplete: int, code: int, tmp_path: Path
) -> None:
    records = make_records({5: "HOLDS"})
    files = [
        write_records(tmp_path / f"{n}.ndjson", records[:-1] if n == incomplete else records)
        for n in range(2)
    ]
    done = orm("report", *files, "--diff", "-o", str(tmp_path / "diff.html"))
    assert done.returncode == code, done.stderr
    assert "the results are partial" in done.stderr


def test_the_site_has_a_catalogue_that_other_programs_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = catalogue.select(["5", "32"])
    monkeypatch.setattr(catalogue, "read_scripts", lambda: scripts)
    file = write_json(tmp_path / "run.json", run_document([{**RESULT, "verdict": "HOLDS"}]))
    done = orm("report", file, "--site", str(tmp_path / "site"))
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "site").iterdir()}
    assert names == {"index.html", "catalogue.json", "llms.txt", "badge.json"}
    entry, _ = json.loads((tmp_path / "site/catalogue.json").read_text("utf-8"))["scripts"]
    assert entry["claim"] == scripts[0].claim
    assert entry["errors"] == [symptom.description for symptom in scripts[0].symptoms]
    assert entry["cure"]
    assert entry["versions"]["sqlalchemy"]
    assert entry["link"] == "index.html#test5"
    assert scripts[1].claim in (tmp_path / "site/llms.txt").read_text("utf-8")
    badge = json.loads((tmp_path / "site/badge.json").read_text("utf-8"))
    assert badge["schemaVersion"] == 1
    assert (badge["message"], badge["color"]) == ("1 hold", "brightgreen")


@pytest.mark.parametrize(
    "text", ["", "not JSON", "[]", '{"a": 1}', "[" * 100_000, "\0" * 10, '"text"']
)
def test_a_file_without_results_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "results.json"
    file.write_text(text)
    done = orm("report", str(file), "-o", str(tmp_path / "report.html"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["missing.json"],
        ["--diff"],
        ["-o", "missing/report.html"],
        ["--diff", "a", "b", "c"],
        ["-o", "report.html", "--site", "site"],
        ["results.json", "--driver", "psycopg"],
    ],
)
def test_wrong_arguments_of_the_report_are_refused_before_the_work(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = orm("report", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "fix:" in done.stderr


def test_a_missing_library_is_named_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    for name in ("cli.report_page", "html_report.page"):
        monkeypatch.delitem(sys.modules, f"orm_async_tests.{name}", raising=False)
    monkeypatch.delattr("orm_async_tests.html_report.page", raising=False)
    done = orm("report")
    assert (done.returncode, done.stdout) == (2, "")
    assert "jinja2" in done.stderr
