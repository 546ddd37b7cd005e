"""Renders the HTML pages with Jinja, which escapes all texts from the result files."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from orm_async_tests import catalogue
from orm_async_tests.harness.report.phrasing import pluralize
from orm_async_tests.html_report import figures
from orm_async_tests.html_report.changes import ORDER, Change
from orm_async_tests.html_report.panels import Panel
from orm_async_tests.html_report.result_files import Results
from orm_async_tests.html_report.variant_code import code_css
from orm_async_tests.questions import group_by_subject, read_questions
from orm_async_tests.script_code import MEANINGS
from orm_async_tests.timeline.lanes import LEGEND
from orm_async_tests.verdicts import VERDICTS

TEMPLATES = Path(__file__).parent / "templates"
MAX_CHARACTERS = 4000  # characters of one value
UNPRINTABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
SIGNS = dict(zip(VERDICTS, "✓▲-✗⧖✗?", strict=True))


def render_report(results: Results, panels: Sequence[Panel], command: str) -> str:
    by_chapter = {
        chapter: [panel for panel in panels if panel.script.chapter == chapter.name]
        for chapter in catalogue.group_by_chapter(panel.script for panel in panels)
    }
    bench_source, workloads = figures.list_workloads(results)
    return _render(
        "report.html",
        results=results,
        panels=panels,
        chapters=by_chapter,
        questions=group_by_subject(read_questions()),
        isolation=figures.isolation_table(results),
        poolers=figures.pooler_table(),
        heat_maps=[figures.heat_map(sweep) for sweep in results.sweeps],
        bench_source=bench_source,
        workloads=workloads,
        command=command,
    )


def render_changes(before: Results, after: Results, changes: Sequence[Change], command: str) -> str:
    groups = {
        severity: [change for change in changes if change.severity == severity]
        for severity in ORDER
    }
    return _render("changes.html", before=before, after=after, groups=groups, command=command)


def _render(template: str, **values: Any) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=clean_text,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(prose=render_prose, link=render_link, counted=pluralize)
    script = (TEMPLATES / "filter.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    constants: Mapping[str, Any] = {
        "style": Markup((TEMPLATES / "style.css").read_text("utf-8") + code_css()),
        "script": Markup(script),
        "digest": digest,
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "signs": SIGNS,
        "marks": figures.FAULT_MARKS,
        "legend": LEGEND,
        "code_marks": MEANINGS,
    }
    return environment.get_template(template).render({**constants, **values})


def clean_text(value: Any) -> Any:
    """Shorten a long text, and replace the characters that HTML forbids."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    if len(value) > MAX_CHARACTERS:
        half = MAX_CHARACTERS // 2
        value = f"{value[:half]} ... {len(value) - MAX_CHARACTERS} characters ... {value[-half:]}"
    return UNPRINTABLE.sub("\ufffd", value)


def render_prose(text: str) -> Markup:
    paragraphs = [
        re.sub(r"``?([^`]+)``?", r"<code>\1</code>", str(escape(clean_text(part))))
        for part in text.split("\n\n")
        if part.strip()
    ]
    return Markup("".join(f"<p>{paragraph}</p>" for paragraph in paragraphs))


def render_link(url: str, text: str = "") -> Markup:
    url, text = clean_text(url), clean_text(text or url)
    if not re.match(r"https?://", url):
        return escape(text)
    return Markup('<a href="{}" rel="noreferrer">{}</a>').format(url, text)
